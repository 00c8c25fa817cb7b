/** The gateway that replays requests: a child process without a port (docs/decisions/0022-impact.md). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { StoaError, type ErrorBody } from '../../../schema/error.js';
import type { Impact, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import type { Environment } from '../../settings.js';
import { childFailure } from '../dev/service.js';
import { script, withoutOurs } from '../dev/stack.js';

type Answer = { readonly type: 'impact'; readonly impact: Impact } | { readonly type: 'failed'; readonly error: ErrorBody['error'] };

export class Replay {
  readonly #process: ChildProcess;
  readonly #answer: Promise<Impact>;

  /** Starts the process. Close it after use. */
  constructor(env: Environment) {
    this.#process = spawn(process.execPath, [script('gateway'), '--replay'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { ...withoutOurs(env) },
    });
    this.#answer = this.#impact();
    // Whoever asks for it is told; until then it is nobody's.
    this.#answer.catch(() => undefined);
  }

  /** What is compared. `since`: what came before is counted by limits alone. Epoch milliseconds. */
  begin(objects: PlannedObjects, since: number, until: number): Promise<void> {
    return this.#send({ type: 'begin', objects, since, until });
  }

  /** Requests that one gateway has served. */
  add(gateway: string, requests: readonly RecordedRequest[]): Promise<void> {
    return this.#send({ type: 'requests', gateway, requests });
  }

  /** Replays them all. Throws the child's own error. */
  async end(): Promise<Impact> {
    await this.#send({ type: 'end' });
    return this.#answer;
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  /** Waits until the child takes it, and for its error when it takes nothing any more. */
  async #send(order: object): Promise<void> {
    const sent = new Promise<Error | null>((resolve) => this.#process.send(order, resolve));
    if ((await sent) !== null) await this.#answer;
  }

  async #impact(): Promise<Impact> {
    const ended = once(this.#process, 'exit').then(() => {
      throw new StoaError('service_unavailable', 'The gateway of the replay has ended by itself.');
    });
    const [answer] = (await Promise.race([once(this.#process, 'message'), ended])) as [Answer];
    if (answer.type === 'failed') throw childFailure(answer.error);
    return answer.impact;
  }
}
