/** Control plane and gateway for tests: two child processes that hold one world after another (docs/decisions/0017-test-clock.md). */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoaError, type ErrorBody } from '../../../schema/error.js';
import type { Environment } from '../../settings.js';
import type { Connection } from '../dev/connection.js';
import { childFailure } from '../dev/service.js';
import { script, withoutOurs } from '../dev/stack.js';

/** The addresses of a world. */
export interface World extends Connection {
  readonly gatewayUrl: string;
}

type Order =
  { readonly type: 'start'; readonly args: readonly string[]; readonly at: number } | { readonly type: 'advance'; readonly ms: number };

type Answer =
  | { readonly type: 'idle' | 'done' }
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly error: ErrorBody['error'] };

const HOST = ['--host', '127.0.0.1', '--port', '0'];

export class Worlds {
  readonly #directory: string;
  readonly #secret: string;
  readonly #controlPlane: Child;
  readonly #gateway: Child;
  #count = 0;

  private constructor(directory: string, secret: string, env: Environment) {
    this.#directory = directory;
    this.#secret = secret;
    const given = { ...withoutOurs(env), STOA_LOG_LEVEL: 'error' };
    this.#controlPlane = new Child('control-plane', { ...given, STOA_BOOTSTRAP_SECRET: secret });
    this.#gateway = new Child('gateway', given);
  }

  /** Starts the processes, with a directory for what the worlds write. `begin` waits for them. */
  static async open(env: Environment): Promise<Worlds> {
    const directory = await mkdtemp(join(tmpdir(), 'stoactl-test-'));
    return new Worlds(directory, randomBytes(32).toString('base64url'), env);
  }

  /** Begins an empty world at an instant, in place of the one that is there. */
  async begin(at: number): Promise<World> {
    const data = ['--data-dir', join(this.#directory, String((this.#count += 1)))];
    const controlArgs = [...HOST, ...data, '--platform-rate-limit', '100000000'];
    const controlUrl = `http://127.0.0.1:${await this.#controlPlane.start(controlArgs, at)}`;
    // Requests may come from an address that the test names, and may show a certificate as a proxy does.
    const proxy = ['--trusted-proxies', '127.0.0.1', '--client-certificates', 'optional'];
    const gatewayPort = await this.#gateway.start([...HOST, ...data, ...proxy, '--control-plane-url', controlUrl], at);
    return { controlUrl, gatewayUrl: `http://127.0.0.1:${gatewayPort}`, bootstrapSecret: this.#secret };
  }

  /** Moves both clocks on. */
  async advance(ms: number): Promise<void> {
    for (const child of [this.#controlPlane, this.#gateway]) await child.ask({ type: 'advance', ms });
  }

  /** Ends the processes and removes what they wrote. Nothing of a world is worth a word of farewell. */
  async close(): Promise<void> {
    await Promise.all([this.#gateway.kill(), this.#controlPlane.kill()]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** One server process that takes orders. */
class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #isIdle: Promise<unknown>;
  readonly #exit: Promise<unknown>;

  constructor(name: string, env: Environment) {
    this.#name = name;
    this.#process = spawn(process.execPath, [script(name), '--test-clock'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...env },
    });
    this.#exit = once(this.#process, 'exit').catch(() => undefined);
    this.#isIdle = this.#answer();
    // Whoever asks first is told.
    this.#isIdle.catch(() => undefined);
  }

  async start(args: readonly string[], at: number): Promise<number> {
    const answer = await this.ask({ type: 'start', args, at });
    return answer.type === 'ready' ? answer.port : 0;
  }

  /** Gives an order and waits until it is carried out. Throws the child's own error. */
  async ask(order: Order): Promise<Answer> {
    await this.#isIdle;
    const answer = this.#answer();
    this.#process.send(order);
    return answer;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exit;
  }

  async #answer(): Promise<Answer> {
    const ended = this.#exit.then(() => {
      throw new StoaError('service_unavailable', `The ${this.#name} of the tests has ended by itself.`, {
        hint: 'What it said is above; run it again.',
      });
    });
    const [answer] = (await Promise.race([once(this.#process, 'message'), ended])) as [Answer];
    if (answer.type === 'failed') throw childFailure(answer.error);
    return answer;
  }
}
