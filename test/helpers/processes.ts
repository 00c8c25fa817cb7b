/** The servers of the product as child processes of a test, started as `stoactl dev` starts them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { cleanEnv, ROOT } from './stack.js';

export interface Server {
  readonly process: ChildProcess;
  readonly port: number;
  readonly url: string;
  /** Everything that it has printed. */
  output(): string;
  /** What of it went to stderr. */
  errors(): string;
  /** Sends a signal and waits for the end: the exit code, or null after a signal that it did not handle. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Waits for the end. */
  readonly ended: Promise<number | null>;
}

type Message =
  { readonly type: 'ready'; readonly port: number } | { readonly type: 'failed'; readonly error: { readonly message: string } };

/** Starts `bin/{name}.js` of a built checkout, behind the words of another command when they are given, and resolves when it serves. Throws with its own words when it cannot. */
export async function startServer(
  name: 'control-plane' | 'gateway',
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { root = ROOT, within = [] }: { readonly root?: string | undefined; readonly within?: readonly string[] } = {},
): Promise<Server> {
  const [command = '', ...words] = [...within, process.execPath, join(root, 'bin', `${name}.js`), ...args];
  const child = spawn(command, words, {
    env: { ...cleanEnv(), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const message = await Promise.race([
    new Promise<Message>((resolve) => child.once('message', (value) => resolve(value as Message))),
    ended,
  ]);
  if (typeof message !== 'object' || message === null) throw new Error(`${name} ended with ${String(message)}:\n${text}`);
  if (message.type === 'failed') {
    await ended;
    throw new Error(message.error.message);
  }
  const { port } = message;
  return {
    process: child,
    port,
    url: `http://127.0.0.1:${String(port)}`,
    output: () => text,
    errors: () => errors,
    ended,
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}
