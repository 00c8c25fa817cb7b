/** Two sockets joined after an upgrade: bytes pass as they are, with back-pressure, and the end of one is the end of the other. */
import type { Duplex } from 'node:stream';

/** Joins both until one ends or breaks. `onClose` is called once. */
export function joinSockets(client: Duplex, upstream: Duplex, onClose: () => void): void {
  let open = true;
  const close = (): void => {
    client.destroy();
    upstream.destroy();
    if (open) onClose();
    open = false;
  };
  for (const socket of [client, upstream]) socket.on('error', close).on('close', close);
  client.pipe(upstream).pipe(client);
}
