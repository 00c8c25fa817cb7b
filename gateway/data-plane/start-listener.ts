/** Opens a listener where the settings say. */
import { StoaError } from '../../schema/error.js';
import type { Listener } from './server.js';
import type { Settings } from './settings.js';

/** Resolves to the port. Throws `conflict` when it cannot be had. */
export async function listen(listener: Pick<Listener, 'listen'>, { port, host }: Settings): Promise<number> {
  try {
    return await listener.listen(port, host);
  } catch (error) {
    // Of a worker: it has said what is wrong.
    if (error instanceof StoaError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === 'EADDRINUSE' ? `Port ${port} on ${host} is in use` : `Port ${port} on ${host} cannot be listened on: ${message}`;
    throw new StoaError('conflict', `${problem}.`, { hint: 'Stop what listens there, or give another port.', cause: error });
  }
}
