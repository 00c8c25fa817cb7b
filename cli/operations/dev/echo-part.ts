import { startEchoUpstream, type EchoUpstream } from './echo-upstream.js';
import type { EmitDevEvent } from './events.js';
import type { DevPart, PartState } from './part.js';

/** The echo upstream as a part of `dev`: it runs in this process, and comes back at the same address. */
export class EchoPart implements DevPart {
  readonly name = 'echo-upstream';
  readonly pid = undefined;
  readonly problem = '';
  readonly url: string;
  readonly #emit: EmitDevEvent;
  #upstream: EchoUpstream | undefined;
  #since = Date.now();

  /** Takes over one that runs. */
  constructor(upstream: EchoUpstream, emit: EmitDevEvent) {
    this.url = upstream.url;
    this.#upstream = upstream;
    this.#emit = emit;
  }

  get state(): PartState {
    return this.#upstream === undefined ? 'stopped' : 'running';
  }

  get since(): number | undefined {
    return this.#upstream === undefined ? undefined : this.#since;
  }

  async start(): Promise<void> {
    this.#upstream = await startEchoUpstream(Number(new URL(this.url).port));
    this.#since = Date.now();
    this.#emit({ type: 'ready', service: this.name, url: this.url });
  }

  async stop(): Promise<void> {
    await this.#upstream?.close();
    this.#upstream = undefined;
  }
}
