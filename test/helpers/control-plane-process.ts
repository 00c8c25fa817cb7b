/** The control plane as the process that `stoactl dev` starts: `bin/control-plane.js` of the build, on a free port. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ErrorBody } from '../../schema/error.js';

const SCRIPT = path.resolve(import.meta.dirname, '../../bin/control-plane.js');

export interface ReadyMessage {
  readonly type: 'ready';
  readonly port: number;
  readonly first_run?: { readonly client_id: string; readonly client_secret: string };
}

export interface FailedMessage {
  readonly type: 'failed';
  readonly error: ErrorBody['error'];
}

export interface ControlPlaneProcess {
  readonly child: ChildProcess;
  readonly message: ReadyMessage | FailedMessage;
  readonly url: string;
  /** What it has printed so far. */
  output(): string;
  /** Resolves with exit code and signal. */
  ended(): Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

/** Starts one and waits for its first message. The caller ends it. */
export async function startProcess(
  dataDirectory: string,
  { args = [], env = {} }: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ControlPlaneProcess> {
  const child = fork(SCRIPT, ['--data-dir', dataDirectory, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, ...env },
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error(Buffer.concat(chunks).toString()))),
  ])) as [ReadyMessage | FailedMessage];
  const url = message.type === 'ready' ? `http://127.0.0.1:${message.port}` : '';
  return { child, message, url, output: () => Buffer.concat(chunks).toString('utf8'), ended: () => ended };
}

/** An access token of a running control plane. */
export async function tokenOf(url: string, secret: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: secret });
  const answer = await fetch(`${url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body });
  if (!answer.ok) throw new Error(await answer.text());
  return ((await answer.json()) as { access_token: string }).access_token;
}
