/** A real control plane in a process of its own, on a free port and a directory of its own, with a counter in front of it. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnv, ROOT, runStoactl, type CommandResult } from './stack.js';

export interface CountedControlPlane {
  /** Address of the counter, which hands everything on. */
  readonly url: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** `POST /v1/plan` and so on, since the last call of this. */
  takeRequests(): string[];
  /** Done once, before the next request for this path is handed on. */
  before(path: string, action: () => Promise<unknown>): void;
  /** Runs stoactl against it. Never throws for an exit code. */
  stoactl(args: readonly string[], options?: Parameters<typeof runStoactl>[1]): Promise<CommandResult>;
  /** A call of its REST API with a token. */
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  stop(): Promise<void>;
}

const SECRET = 'canary-client-secret-7f3a';

interface Ready {
  readonly type: string;
  readonly port?: number;
  readonly error?: unknown;
}

async function ready(child: ChildProcess): Promise<number> {
  const message = await new Promise<Ready>((resolve, reject) => {
    child.once('message', (value) => resolve(value as Ready));
    child.once('exit', (code) => reject(new Error(`The control plane ended with ${code ?? 'a signal'} before it was ready.`)));
  });
  if (message.type !== 'ready' || message.port === undefined)
    throw new Error(`The control plane did not start: ${JSON.stringify(message)}`);
  return message.port;
}

/** Hands every exchange on as it is, and notes what was asked below /v1. */
async function counter(port: number, seen: string[], hooks: Map<string, () => Promise<unknown>>): Promise<Server> {
  const server = createServer((req, res) => {
    const path = req.url ?? '';
    if (path.startsWith('/v1/')) seen.push(`${req.method ?? ''} ${path}`);
    const action = hooks.get(path);
    hooks.delete(path);
    void (action?.() ?? Promise.resolve()).then(() => handOn(req, res, port));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function handOn(req: IncomingMessage, res: ServerResponse, port: number): void {
  const onward = request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers: req.headers }, (reply) => {
    res.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(res);
  });
  onward.on('error', () => res.destroy());
  req.pipe(onward);
}

/** Starts a control plane. Throws when it does not. */
export async function startCountedControlPlane(): Promise<CountedControlPlane> {
  const dataDir = mkdtempSync(join(tmpdir(), 'stoa-cp-'));
  const child = fork(join(ROOT, 'bin', 'control-plane.js'), ['--data-dir', dataDir, '--port', '0', '--gateway-url', 'http://127.0.0.1:1'], {
    env: { ...cleanEnv(), STOA_CLIENT_SECRET: SECRET },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await ready(child);
  const seen: string[] = [];
  const hooks = new Map<string, () => Promise<unknown>>();
  const server = await counter(port, seen, hooks);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { STOA_API_URL: url, STOA_CLIENT_SECRET: SECRET };
  return {
    url,
    dataDir,
    env,
    takeRequests: () => seen.splice(0),
    before: (path, action) => void hooks.set(path, action),
    stoactl: (args, options = {}) => runStoactl(args, { ...options, env: { ...env, ...options.env } }),
    async call(method, path, body) {
      const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: SECRET });
      const issued = await fetch(`${url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body: form });
      const { access_token } = (await issued.json()) as { access_token: string };
      const headers = { authorization: `Bearer ${access_token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const text = await response.text();
      seen.splice(0);
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    },
    async stop() {
      server.close().closeAllConnections();
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      const ended = hasEnded ? undefined : new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
