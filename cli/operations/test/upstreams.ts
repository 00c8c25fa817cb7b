/** Stands in for every upstream of the manifests: answers what the test says, and keeps what the gateway has sent. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration } from '../../../schema/duration.js';
import type { UpstreamScript } from '../../../schema/test-file.js';
import { listen } from '../dev/ports.js';

/** A request as it came to an upstream. */
export interface Received {
  readonly method: string;
  readonly path: string;
  /** `host` is that of the manifest, not of the stand-in. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** What a step has said, shared by all upstreams that it is about. */
interface Script extends Omit<UpstreamScript, 'host' | 'times'> {
  /** How many requests it is still for. */
  left: number;
}

const DEFAULT: UpstreamScript = { status: 200, down: false, body: {} };
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 205, 304]);

interface StandIn {
  /** Host and port of the manifest. */
  readonly host: string;
  readonly server: Server;
  readonly port: number;
  script: Script;
}

export class Upstreams {
  readonly #standIns = new Map<string, StandIn>();
  #received: Received[] = [];

  /** What came since the last call. */
  take(): readonly Received[] {
    const received = this.#received;
    this.#received = [];
    return received;
  }

  get hosts(): readonly string[] {
    return [...this.#standIns.values()].map(({ host }) => host);
  }

  /** The same URL at the stand-in of its host, which listens from now on. */
  async replace(url: string): Promise<string> {
    const { origin, host, pathname } = new URL(url);
    const { port } = this.#standIns.get(origin) ?? (await this.#open(origin, host));
    return `http://127.0.0.1:${port}${pathname === '/' && !url.endsWith('/') ? '' : pathname}`;
  }

  /** Follows a step: all upstreams, or those of one host. */
  async follow({ host, times = Infinity, ...step }: UpstreamScript): Promise<void> {
    const script = { ...step, left: times };
    for (const standIn of this.#standIns.values()) {
      if (host !== undefined && standIn.host !== host) continue;
      standIn.script = script;
      await setListening(standIn, !script.down);
    }
  }

  /** Everything as it was at the start. */
  async reset(): Promise<void> {
    await this.follow(DEFAULT);
    this.take();
  }

  async close(): Promise<void> {
    for (const standIn of this.#standIns.values()) await setListening(standIn, false);
  }

  async #open(origin: string, host: string): Promise<StandIn> {
    // A server that closes idle connections first would make the gateway try again.
    const server = createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
      this.#answer(standIn, req, res).catch(() => res.destroy());
    });
    const port = await listen(server, 0, 'stand-in of an upstream');
    const standIn: StandIn = { host, server, port, script: { ...DEFAULT, left: Infinity } };
    this.#standIns.set(origin, standIn);
    return standIn;
  }

  async #answer(standIn: StandIn, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const script = standIn.script.left > 0 ? standIn.script : DEFAULT;
    standIn.script.left -= 1;
    const { method = 'GET', url = '/', headers } = req;
    const received = { method, path: url, headers: { ...headers, host: standIn.host }, body: await text(req) };
    this.#received.push(received);
    if (script.delay !== undefined) await sleep(parseDuration(script.delay));
    send(res, script, method === 'HEAD');
  }
}

function send(res: ServerResponse, { status, headers = {}, body = '' }: Omit<UpstreamScript, 'down'>, isHead: boolean): void {
  const isText = typeof body === 'string';
  const content = isText ? body : JSON.stringify(body);
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  if (WITHOUT_CONTENT.has(status)) return void res.writeHead(status, own).end();
  const type = { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json' };
  res.writeHead(status, { ...type, 'content-length': Buffer.byteLength(content), ...own });
  res.end(isHead ? undefined : content);
}

async function setListening({ server, port }: StandIn, isWanted: boolean): Promise<void> {
  if (server.listening === isWanted) return;
  if (isWanted) return void (await listen(server, port, 'stand-in of an upstream'));
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
