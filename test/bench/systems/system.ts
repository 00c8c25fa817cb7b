/** A gateway in the comparison: every one does the same job and is asked to prove it before it is measured. */
import type { Running } from '../lib/processes.js';
import type { World } from '../lib/world.js';

export interface Setting {
  readonly world: World;
  readonly upstreamPort: number;
  /** Of this system alone, empty. */
  readonly directory: string;
  readonly core: number;
  /** Where a processor profile of a Node process goes when it ends; undefined for none. */
  readonly profile: string | undefined;
}

export interface Started {
  readonly running: Running;
  readonly port: number;
  /** The file that gets one line a request. */
  readonly accessLog: string;
  stop(): Promise<void>;
}

export interface System {
  readonly name: string;
  /** How it does the job: key check, limit per key, access line, proxy over keep-alive. */
  readonly job: string;
  /** Why it cannot run on this machine; undefined when it can. */
  missing(): string | undefined;
  start(setting: Setting): Promise<Started>;
}
