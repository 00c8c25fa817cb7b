/** Text and bytes in as few writes as are cheap. */
import type { Socket } from 'node:net';

/** Up to this size bytes are sent with the text around them as one string: a vectored write costs node twice as much. */
export const MAX_JOINED = 16 * 1024;

/** Writes bytes with text before and behind them; text is latin1, a byte a character. `onWritten` is told of the last one. False: wait for `drain`. */
export function writeTogether(
  socket: Socket,
  before: string,
  bytes: Buffer,
  after: string,
  onWritten?: (error?: Error | null) => void,
): boolean {
  if (bytes.length <= MAX_JOINED) return socket.write(before + bytes.toString('latin1') + after, 'latin1', onWritten);
  socket.cork();
  if (before !== '') socket.write(before, 'latin1');
  let isReady = socket.write(bytes, after === '' ? onWritten : undefined);
  if (after !== '') isReady = socket.write(after, 'latin1', onWritten);
  socket.uncork();
  return isReady;
}
