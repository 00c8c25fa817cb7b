/** Requests to servers by the gateway's own client, without a gateway. */
import type { RequestListener } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Server } from '../../gateway/data-plane/upstream-client/connect.js';
import type { AnswerHandler, AnswerSource, UpstreamRequest } from '../../gateway/data-plane/upstream-client/exchange-handler.js';
import { UpstreamPool } from '../../gateway/data-plane/upstream-client/upstream-pool.js';
import { startUpstream } from './data-plane.js';

/** An answer, and what `ask` makes of it. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
export const isOk = { status: 200, body: 'ok', error: undefined };

/** The connections to a server; closed with the test. */
export function poolFor(origin: string, changes: Partial<Server> = {}): UpstreamPool {
  const pool = new UpstreamPool({ origin, connectTimeoutMs: 5000, allowPrivate: true, ...changes });
  onTestFinished(() => pool.destroy());
  return pool;
}

/** A server that counts its connections, and the pool of connections to it. */
export async function startPool(handle: RequestListener = (_req, res) => res.end('ok')) {
  const { url, server } = await startUpstream(handle);
  const opened = { connections: 0 };
  server.on('connection', () => (opened.connections += 1));
  return { pool: poolFor(url), opened };
}

export interface Outcome {
  readonly status: number;
  readonly body: string;
  readonly error: string | undefined;
}

interface Asked {
  source?: AnswerSource;
  handler?: AnswerHandler;
  isSent: boolean;
  /** All that it was told to have broken by. */
  readonly errors: Error[];
}

/** Sends one request; its outcome, and where its answer comes from. `instead` are calls of its handler that do something else. */
export function dispatch(pool: UpstreamPool, changes: Partial<UpstreamRequest> = {}, instead: Partial<AnswerHandler> = {}) {
  const asked: Asked = { isSent: false, errors: [] };
  const outcome = new Promise<Outcome>((resolve) => {
    let [status, body] = [0, ''];
    const handler: AnswerHandler = {
      onConnect: (source) => Boolean((asked.source = source)),
      onBodySent: () => undefined,
      onRequestSent: () => (asked.isSent = true),
      onHeaders: (got) => (status = got),
      onData: (chunk) => Boolean((body += chunk.toString('latin1'))),
      onComplete: () => resolve({ status, body, error: undefined }),
      onUpgrade: (got, _fields, socket) => {
        socket.destroy();
        resolve({ status: got, body, error: undefined });
      },
      onError: (error) => {
        asked.errors.push(error);
        resolve({ status, body, error: 'code' in error ? String(error.code) : error.message });
      },
      ...instead,
    };
    asked.handler = handler;
    const request = { method: 'GET', path: '/', headers: ['host', 'a'], body: undefined, ...changes };
    pool.dispatch(request, handler);
  });
  return Object.assign(asked, { outcome });
}

export const ask = (pool: UpstreamPool, changes?: Partial<UpstreamRequest>): Promise<Outcome> => dispatch(pool, changes).outcome;
