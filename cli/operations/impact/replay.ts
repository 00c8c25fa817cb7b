/** The gateway that replays requests: a child process without a port (docs/decisions/0022-impact.md). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { StoaError } from '../../../schema/error.js';
import {
  REPLAY,
  type Impact,
  type PlannedObjects,
  type RecordedRequest,
  type ReplayAnswer,
  type ReplayOrder,
} from '../../../schema/impact.js';
import type { Environment } from '../../settings.js';
import { childFailure } from '../dev/service.js';
import { script, withoutOurs } from '../dev/stack.js';

export class Replay {
  readonly #process: ChildProcess;
  readonly #began: Promise<number>;
  readonly #impact: Promise<Impact>;

  /** Starts the process. Close it after use. */
  constructor(env: Environment) {
    this.#process = spawn(process.execPath, [script('gateway'), REPLAY], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { ...withoutOurs(env) },
    });
    const ended = once(this.#process, 'exit').then(() => {
      throw new StoaError('service_unavailable', 'The gateway of the replay has ended by itself.', {
        hint: 'What it said is above; run it again.',
      });
    });
    this.#began = Promise.race([this.#answer('began').then(({ from }) => from), ended]);
    this.#impact = Promise.race([this.#answer('impact').then(({ impact }) => impact), ended]);
    // Whoever asks for them is told; until then they are nobody's.
    for (const promise of [this.#began, this.#impact]) promise.catch(() => undefined);
  }

  /** What is compared. Resolves to when limits begin to count, which may be before `since`. All in epoch milliseconds. */
  async begin(objects: PlannedObjects, since: number, until: number): Promise<number> {
    await this.#send({ type: 'begin', objects, since, until });
    return this.#began;
  }

  /** Requests that one gateway has served. */
  add(gateway: string, requests: readonly RecordedRequest[]): Promise<void> {
    return this.#send({ type: 'requests', gateway, requests });
  }

  /** Replays them all. Throws the child's own error. */
  async end(): Promise<Impact> {
    await this.#send({ type: 'end' });
    return this.#impact;
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  /** Waits until the child takes it. Throws the child's error as soon as there is one, and when it takes nothing any more. */
  async #send(order: ReplayOrder): Promise<void> {
    const sent = new Promise<Error | null>((resolve) => this.#process.send(order, resolve));
    const failure = await Promise.race([sent, this.#impact]);
    if (failure instanceof Error) await this.#impact;
  }

  /** The answer of this type, or the child's error in its place. */
  #answer<Type extends ReplayAnswer['type']>(type: Type): Promise<Extract<ReplayAnswer, { type: Type }>> {
    return new Promise((resolve, reject) => {
      this.#process.on('message', (answer: ReplayAnswer) => {
        if (answer.type === 'failed') reject(childFailure(answer.error));
        else if (isOfType(answer, type)) resolve(answer);
      });
    });
  }
}

const isOfType = <Type extends ReplayAnswer['type']>(answer: ReplayAnswer, type: Type): answer is Extract<ReplayAnswer, { type: Type }> =>
  answer.type === type;
