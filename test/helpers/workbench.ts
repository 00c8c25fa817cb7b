/**
 * stoactl and a control plane in this process: the commands as they are, over real HTTP, against a real server and database. A command costs milliseconds rather than a
 * process, so that a promise can be tried over hundreds of sets.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { CLIENT_SECRET, openControlPlane, type TestControlPlane } from './control-plane.js';
import { runInProcess, type InProcessOptions } from './in-process.js';
import type { CommandResult } from './stack.js';
import { watchDatabase, type WatchedDatabase } from './watched-database.js';

/** What goes wrong between stoactl and the control plane. */
export type Fault = 'refused' | 'answer lost' | 'cut short' | 'not JSON' | '500' | '503' | '429';
export const FAULTS: readonly Fault[] = ['refused', 'answer lost', 'cut short', 'not JSON', '500', '503', '429'];

export interface Workbench {
  readonly plane: TestControlPlane;
  readonly database: WatchedDatabase;
  /** Runs a command: `run(['apply', '--yes'], { cwd })`. Never throws for an exit code. */
  run(args: readonly string[], options?: InProcessOptions): Promise<CommandResult>;
  /** `POST /v1/plan` and so on since the last call of this; tokens are among them. Takes away faults and what was to come before. */
  takeRequests(): string[];
  /** From the request of this number on (0 is the next), or only at it, something goes wrong. */
  disturb(fault: Fault, at: number, options: { readonly stays: boolean }): void;
  /** The last apply that was asked for, with its headers: to be asked for again. */
  lastApply(): { readonly headers: Readonly<Record<string, unknown>>; readonly payload: Buffer } | undefined;
  /** Done once, before the next request for this path is handed on. */
  before(path: string, action: () => Promise<unknown>): void;
  close(): Promise<void>;
}

interface Trouble {
  readonly fault: Fault;
  readonly at: number;
  readonly stays: boolean;
}

/** Opens one; `close` ends it. */
export async function openWorkbench(): Promise<Workbench> {
  const database = watchDatabase();
  const plane = await openControlPlane({ database: database.database });
  const requests: string[] = [];
  const hooks = new Map<string, () => Promise<unknown>>();
  let trouble: Trouble | undefined;
  let lastApply: ReturnType<Workbench['lastApply']>;
  const server = createServer((req, res) => {
    const index = requests.push(`${req.method ?? ''} ${req.url ?? ''}`) - 1;
    const isTroubled = trouble !== undefined && (trouble.stays ? index >= trouble.at : index === trouble.at);
    const action = hooks.get(req.url ?? '');
    hooks.delete(req.url ?? '');
    const handOn = async (): Promise<void> => {
      await action?.();
      const payload = await buffer(req);
      if (req.url === '/v1/apply') lastApply = { headers: req.headers, payload };
      await exchange(plane, { req, res, payload }, isTroubled ? trouble?.fault : undefined);
    };
    void handOn();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = {
    STOA_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    STOA_CLIENT_SECRET: CLIENT_SECRET,
  };
  return {
    plane,
    database,
    run: (args, options = {}) => runInProcess(args, { ...options, env: { ...env, ...options.env } }),
    takeRequests: () => {
      trouble = undefined;
      hooks.clear();
      return requests.splice(0);
    },
    lastApply: () => lastApply,
    disturb: (fault, at, { stays }) => (trouble = { fault, at, stays }),
    before: (path, action) => void hooks.set(path, action),
    close: async () => {
      server.close().closeAllConnections();
      await plane.close();
    },
  };
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly payload: Buffer;
}

/** Hands a request on, unless it is to go wrong, and the answer back as the fault leaves it. */
async function exchange(plane: TestControlPlane, { req, res, payload }: Exchange, fault: Fault | undefined): Promise<void> {
  if (fault === 'refused') return void req.socket.destroy();
  if (fault === 'not JSON') return void res.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to nginx!</html>');
  if (fault === '500' || fault === '503' || fault === '429') return void res.writeHead(Number(fault)).end();
  const { method, url = '/', headers } = req;
  const answer = await plane.app.inject({ method: method as 'GET', url, headers, ...(payload.length === 0 ? {} : { payload }) });
  if (fault === 'answer lost') return void req.socket.destroy();
  res.writeHead(answer.statusCode, answer.headers as Record<string, string>);
  if (fault !== 'cut short') return void res.end(answer.rawPayload);
  res.write(answer.rawPayload.subarray(0, -1));
  setImmediate(() => req.socket.destroy());
}
