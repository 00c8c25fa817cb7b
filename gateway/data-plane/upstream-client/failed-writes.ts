/** Writes of a socket that may fail without the loss of what has come on it. */
import type { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

/**
 * A write that fails does not destroy this socket any more: its server may have answered, and closed its side, before the whole request was sent, and that
 * answer is still to be read. How reading ends tells the rest. `onFailure` is told of each failure; what is written later is dropped.
 */
export function readPastFailedWrites(socket: Socket, onFailure: (error: Error) => void): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  let hasFailed = false;
  const attempt = (done: Done, start: (done: Done) => void): void => {
    if (hasFailed) {
      done();
      return;
    }
    start((error) => {
      if (error !== undefined && error !== null && !socket.destroyed) {
        hasFailed = true;
        onFailure(error);
      }
      done();
    });
  };
  socket._write = (chunk, encoding, done) => attempt(done, (settled) => write(chunk, encoding, settled));
  if (writev !== undefined) socket._writev = (chunks, done) => attempt(done, (settled) => writev(chunks, settled));
}
