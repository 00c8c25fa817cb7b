import { createServer, type Server } from 'node:net';
import { StoaError } from '../../../schema/error.js';

const HOST = '127.0.0.1';

/** Listens on 127.0.0.1 and gives the port. Throws a `StoaError` that names the port and what wanted it. */
export function listen(server: Server, port: number, what: string, hint?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(portError(error, port, what, hint));
    });
    server.listen(port, HOST, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** The port itself when it is free; with 0, some free port. Throws a `StoaError` when it is taken. */
export async function reservePort(port: number, what: string, flag: string): Promise<number> {
  const probe = createServer();
  const free = await listen(probe, port, what, `Stop what listens there, or choose another port with ${flag}.`);
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

function portError(error: NodeJS.ErrnoException, port: number, what: string, hint?: string): StoaError {
  const options = { cause: error, ...(hint === undefined ? {} : { hint }) };
  if (error.code === 'EADDRINUSE') return new StoaError('network_error', `Port ${port} for the ${what} is already in use.`, options);
  if (error.code === 'EACCES')
    return new StoaError('network_error', `Port ${port} for the ${what} needs more rights than this user has.`, options);
  return new StoaError('network_error', `Port ${port} for the ${what} cannot be opened (${error.code ?? error.message}).`, options);
}
