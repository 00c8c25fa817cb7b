/** The upstream that `stoactl dev` puts behind the example APIs: it answers what it was asked, so that a person sees what the gateway forwards. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './ports.js';

const SHOWN_BODY_BYTES = 64 * 1024;
const MAX_DELAY_MS = 120_000;
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 205, 304]);
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key']);

/** What the echo upstream answers, as JSON. */
export interface Echo {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** As received; the values of credentials are never repeated. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The first 64 KiB as text; null for a body that is not text. */
  readonly body: string | null;
  readonly body_bytes: number;
}

export interface EchoUpstream {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts it on 127.0.0.1. `.../status/503` answers that status, `.../delay/250` answers after 250 ms: breakers and timeouts can be seen.
 * Throws a `StoaError` when the port is taken.
 */
export async function startEchoUpstream(port: number): Promise<EchoUpstream> {
  // The gateway's pool keeps idle connections; a server that closes first would make it retry.
  const server = createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
    answer(req, res).catch(() => res.destroy());
  });
  const actual = await listen(server, port, 'echo upstream');
  return { url: `http://127.0.0.1:${actual}`, close: () => close(server) };
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const [path = '/', ...rest] = (req.url ?? '/').split('?');
  const { body, bytes } = await readBody(req);
  await sleep(delayOf(path));
  if (res.destroyed) return;
  const echo: Echo = { method: req.method ?? 'GET', path, query: rest.join('?'), headers: shownHeaders(req), body, body_bytes: bytes };
  send(res, statusOf(path), req.method === 'HEAD', `${JSON.stringify(echo)}\n`);
}

function send(res: ServerResponse, status: number, isHead: boolean, text: string): void {
  // RFC 9110, 6.4.1 and 8.6: these have no content, and a length would be one too many.
  if (WITHOUT_CONTENT.has(status)) {
    res.writeHead(status).end();
    return;
  }
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(isHead ? undefined : text);
}

/** Reads to the end, keeps only what is shown. */
async function readBody(req: IncomingMessage): Promise<{ body: string | null; bytes: number }> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    if (bytes < SHOWN_BODY_BYTES) kept.push(chunk.subarray(0, SHOWN_BODY_BYTES - bytes));
    bytes += chunk.length;
  }
  return { body: asText(Buffer.concat(kept), bytes > SHOWN_BODY_BYTES), bytes };
}

function asText(shown: Buffer, isCut: boolean): string | null {
  try {
    // A cut may fall inside a character: the decoder then holds its bytes back.
    return new TextDecoder('utf-8', { fatal: true }).decode(shown, { stream: isCut });
  } catch {
    return null;
  }
}

function shownHeaders(req: IncomingMessage): Echo['headers'] {
  const entries = Object.entries(req.headers).map(([name, value]) => [name, CREDENTIALS.has(name) ? '[redacted]' : (value ?? '')]);
  return Object.fromEntries(entries) as Echo['headers'];
}

function statusOf(path: string): number {
  const status = Number(/\/status\/(\d{3})$/.exec(path)?.[1] ?? 200);
  return status >= 200 && status <= 599 ? status : 200;
}

const delayOf = (path: string): number => Math.min(Number(/\/delay\/(\d{1,6})$/.exec(path)?.[1] ?? 0), MAX_DELAY_MS);

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
