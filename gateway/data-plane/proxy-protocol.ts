/**
 * PROXY protocol, version 2 (haproxy.org, doc/proxy-protocol.txt): a proxy of connections says before the first byte who the client is. Where it is on, every
 * connection has to begin with it and come from a trusted proxy: one that may be left out could be written by any client.
 */
import type { Socket } from 'node:net';
import type { HttpServer } from './drain.js';

export interface ProxyHeaders {
  /** The address of the client at the other end of a connection; undefined when nobody knows it. */
  peerOf(socket: Socket): string | undefined;
}

export interface ProxyProtocolOptions {
  readonly isTrusted: (address: string | undefined) => boolean;
  /** Told of each connection that is closed for what it began with, or for where it comes from. */
  onRefused(peer: string, reason: string): void;
  /** The connections of the server, with what was read of each before any request could come. */
  readonly sockets: Map<Socket, number>;
}

/** What the header says: an address, or that the proxy itself speaks (its health check). */
export type ProxyHeader = { readonly address: string } | 'local' | 'invalid';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** With the additions of cloud providers a header has a few hundred bytes. */
const MAX_REST = 4096;
const TIMEOUT_MS = 10_000;

/** Reads the header of every connection of a server before the server itself reads of it. Call it after the server's own listeners are in place. */
export function expectProxyHeaders(server: HttpServer, { isTrusted, onRefused, sockets }: ProxyProtocolOptions): ProxyHeaders {
  const clients = new Map<string, string>();
  const goOn = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');

  const accept = async (socket: Socket): Promise<void> => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    // Known before the connection is over and its end cannot be told any more.
    const name = nameOf(socket);
    socket.on('error', () => undefined).once('close', () => clients.delete(name));
    const header = isTrusted(remoteAddress) ? await readHeader(socket) : 'untrusted';
    if (typeof header === 'string' && header !== 'local') {
      // Whoever says nothing at all has only looked whether somebody listens.
      if (socket.bytesRead > 0 || header === 'untrusted') onRefused(remoteAddress, header);
      socket.destroy();
      return;
    }
    if (socket.destroyed) return;
    clients.set(name, header === 'local' ? remoteAddress : header.address);
    sockets.delete(socket);
    for (const listener of goOn) listener.call(server, socket);
  };
  server.on('connection', (socket: Socket) => {
    // As long as it has not said whose it is, a stop lets go of it as of any other that says nothing.
    sockets.set(socket, socket.bytesRead);
    socket.once('close', () => sockets.delete(socket));
    void accept(socket);
  });
  return { peerOf: (socket) => clients.get(nameOf(socket)) };
}

/** Of a TLS connection and of the one below it alike. */
const nameOf = ({ remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** Takes exactly the header off a connection; what follows stays where it is. */
async function readHeader(socket: Socket): Promise<ProxyHeader> {
  const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
  try {
    const fixed = await take(socket, FIXED_BYTES);
    const length = fixed === undefined ? 'invalid' : restLength(fixed);
    if (fixed === undefined || length === 'invalid') return 'invalid';
    const rest = length === 0 ? Buffer.alloc(0) : await take(socket, length);
    return rest === undefined ? 'invalid' : parseHeader(fixed, rest);
  } finally {
    clearTimeout(timer);
  }
}

/** So many bytes, or undefined when the connection ends before them. */
function take(socket: Socket, count: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const done = (bytes: Buffer | undefined): void => {
      for (const event of ['end', 'close'] as const) socket.off(event, ended);
      socket.off('readable', read);
      // node decides in the next turn that nobody waits for `readable` any more.
      setImmediate(resolve, bytes);
    };
    const ended = (): void => done(undefined);
    const read = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes?.length === count) done(bytes);
      // At its end a stream gives what there is.
      else if (bytes !== null) done(undefined);
    };
    socket.on('end', ended).on('close', ended).on('readable', read);
    read();
  });
}

/** How many bytes follow the first sixteen. */
export function restLength(fixed: Buffer): number | 'invalid' {
  const isVersion2 = fixed.subarray(0, SIGNATURE.length).equals(SIGNATURE) && fixed.readUInt8(12) >> 4 === 2;
  const length = fixed.readUInt16BE(14);
  return isVersion2 && length <= MAX_REST ? length : 'invalid';
}

/** What a header says. Additions (TLV) are passed over. */
export function parseHeader(fixed: Buffer, rest: Buffer): ProxyHeader {
  const command = fixed.readUInt8(12) & 0x0f;
  if (command === 0) return 'local';
  if (command !== 1) return 'invalid';
  const family = fixed.readUInt8(13);
  // Addresses of source and destination, then their ports. Of a family that is not known the proxy's own address holds.
  if (family === 0x11) return rest.length < 12 ? 'invalid' : { address: [...rest.subarray(0, 4)].join('.') };
  if (family === 0x21) return rest.length < 36 ? 'invalid' : { address: textOfIpv6(rest.subarray(0, 16)) };
  return family === 0 ? 'local' : 'invalid';
}

function textOfIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
