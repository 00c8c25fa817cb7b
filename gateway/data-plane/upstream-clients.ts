/** Connections to upstreams: one stack of them per origin, addresses checked when a connection is made. */
import { lookup } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { ClientStack } from './client-stack.js';
import { AddressError, checkedLookup, isAllowedAddress } from '../../schema/address.js';
import type { Upstream } from './snapshot.js';

/** Below what servers use (node 5 s, nginx 75 s), so that a connection is rarely closed under a request. */
const KEEP_ALIVE_MS = 4000;
const MAX_ANSWER_HEAD = 64 * 1024;

export interface UpstreamClients {
  /** The connections of this upstream's origin. */
  pool(upstream: Upstream): Pick<Dispatcher, 'dispatch'>;
  /** A connection of its own for one request, closed after it: a retry never meets another dead keep-alive connection. */
  fresh(upstream: Upstream): Dispatcher;
  /** Waits for nothing: call it when no request is in flight. */
  close(): Promise<void>;
}

/** Pools live until `close`; there are as many as the configuration has named origins. */
export function createUpstreamClients({ allowPrivate }: { readonly allowPrivate: boolean }): UpstreamClients {
  const pools = new Map<string, ClientStack>();
  const poolOf = new WeakMap<Upstream, ClientStack>();
  const build = (upstream: Upstream): ClientStack => {
    const key = `${upstream.origin} ${upstream.connectTimeoutMs}`;
    const pool = pools.get(key) ?? new ClientStack(() => new Client(upstream.origin, clientOptions(upstream, allowPrivate)));
    pools.set(key, pool);
    poolOf.set(upstream, pool);
    return pool;
  };
  return {
    pool: (upstream) => poolOf.get(upstream) ?? build(upstream),
    fresh: (upstream) => new Client(upstream.origin, clientOptions(upstream, allowPrivate)),
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

/** How a server is connected to: addresses are checked, idle connections end before the server's own patience does. */
export function clientOptions(upstream: Upstream, allowPrivate: boolean): Client.Options {
  return {
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_ANSWER_HEAD,
    connect: checkedConnector(upstream.connectTimeoutMs, allowPrivate, dropInterim100),
  };
}

/** Connects only to addresses that are allowed, whatever a name leads to by then. */
export function checkedConnector(timeout: number, allowPrivate: boolean, onConnected?: (socket: Socket) => void): buildConnector.connector {
  const connect = buildConnector({ timeout, lookup: checkedLookup(lookup, allowPrivate) });
  return (options, callback) => {
    const { hostname } = options;
    if (isIP(hostname) !== 0 && !isAllowedAddress(hostname, allowPrivate)) {
      callback(new AddressError(`${hostname} is not an address that is allowed.`), null);
      return;
    }
    connect(options, (...result) => {
      if (result[0] === null) onConnected?.(result[1]);
      callback(...result);
    });
  };
}

const CONTINUE = Buffer.from('HTTP/1.1 100');
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * undici takes "100 Continue" for a broken answer, but a server may send it unasked and a client has to skip it (RFC 9110, 15.2).
 * A head is written as a string that does not begin with a line break; from then to the first other bytes, interim answers are cut out.
 */
function dropInterim100(socket: Socket): void {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isAtHead = false;
  socket.write = (...args: unknown[]): boolean => {
    if (typeof args[0] === 'string' && !args[0].startsWith('\r')) isAtHead = true;
    return write(...args);
  };
  socket.read = (size?: number): unknown => {
    let chunk = read(size) as Buffer | null;
    if (!isAtHead || chunk === null) return chunk;
    while (chunk.subarray(0, CONTINUE.length).equals(CONTINUE)) {
      const end = chunk.indexOf(HEAD_END);
      if (end === -1) break;
      chunk = chunk.subarray(end + HEAD_END.length);
    }
    if (chunk.length === 0) return null;
    isAtHead = false;
    return chunk;
  };
}
