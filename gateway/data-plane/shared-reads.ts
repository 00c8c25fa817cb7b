/**
 * Reads into one buffer for all connections: what is read is taken before anything else is. node makes 64 KiB for each read otherwise, and cuts them down to what
 * has come.
 */
import { Socket, type OnReadOpts } from 'node:net';

/** Told of what was read. The bytes are its own until it returns: whoever keeps some copies them. False: nothing more is read for now. */
export type Take = (bytes: Buffer) => boolean;

const READ_BYTES = 64 * 1024;
const BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

/** For a connection that is opened (`onread` of net.connect). */
export const onreadOf = (take: Take): OnReadOpts => ({ buffer: BUFFER, callback: (length) => take(BUFFER.subarray(0, length)) });

/** Where node keeps `onread` of a socket. */
interface Places {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let places: Places | undefined;

/**
 * The same for a connection that was accepted, for which node has no option: what its constructor would have set is set behind it. False where that cannot be
 * done, since something was read, or this version of node keeps it elsewhere: then reads are events of the socket, as ever.
 */
export function readShared(socket: Socket, take: Take): boolean {
  if (Object.getPrototypeOf(socket) !== Socket.prototype || socket.bytesRead > 0 || socket.readableLength > 0) return false;
  places ??= placesOf(socket);
  const handle = '_handle' in socket ? socket._handle : undefined;
  if (places === undefined || !takesBuffer(handle)) return false;
  handle.useUserBuffer(BUFFER);
  Object.assign(socket, { [places.buffer]: BUFFER, [places.callback]: onreadOf(take).callback });
  return true;
}

function placesOf(socket: Socket): Places | undefined {
  const unset = Object.getOwnPropertySymbols(socket).filter((symbol) => Reflect.get(socket, symbol) === null);
  const [buffer, callback] = ['kBuffer', 'kBufferCb'].map((name) => unset.find(({ description }) => description === name));
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

const takesBuffer = (handle: unknown): handle is { useUserBuffer(buffer: Buffer): void } =>
  typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle && typeof handle.useUserBuffer === 'function';
