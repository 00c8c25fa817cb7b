import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { SyncMessage } from '../../../schema/sync.js';
import { freePort, start, stop, waitFor } from '../lib/processes.js';
import { syncObjects } from '../lib/world.js';
import type { Setting, Started, System } from './system.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const TOKEN = 'bench-gateway-token';

/** Our gateway as it is shipped, configured over the stream that it follows in production. */
export const stoa: System = stoaIn(ROOT, 'stoa gateway');

/** Another build of it. */
export const stoaAt = (root: string): System => stoaIn(root, `stoa gateway of ${path.basename(root)}`);

function stoaIn(root: string, name: string): System {
  return {
    name,
    job: 'digest of the key, exact limiter, metrics, access line',
    missing: () => (existsSync(path.join(root, 'dist/gateway/data-plane/main.js')) ? undefined : `${name} is not built (npm run build)`),
    start: (setting) => startGateway(root, setting),
  };
}

async function startGateway(root: string, { world, upstreamPort, directory, core, profile }: Setting): Promise<Started> {
  const controlPlane = await serveStream(syncObjects(world, `http://127.0.0.1:${upstreamPort}`));
  const { port: controlPort } = controlPlane.address() as AddressInfo;
  const port = await freePort();
  const accessLog = path.join(directory, 'access.log');
  const flags = ['--data-dir', directory, '--port', String(port), '--control-plane-url', `http://127.0.0.1:${controlPort}`];
  const profiling = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  const env = { NODE_ENV: 'production', STOA_GATEWAY_TOKEN: TOKEN, LOG_FORMAT: 'json', LOG_LEVEL: 'info' };
  const running = start(process.execPath, [...profiling, path.join(root, 'bin/gateway.js'), ...flags], { core, log: accessLog, env });
  const end = async (): Promise<void> => {
    await stop(running);
    controlPlane.closeAllConnections();
    controlPlane.close();
  };
  const [first] = world.keys;
  await waitFor(running, `http://127.0.0.1:${port}${first?.path ?? '/'}`, accessLog, 200, { 'x-api-key': first?.key ?? '' }).catch(
    async (error: unknown) => {
      await end();
      throw error;
    },
  );
  return { running, port, accessLog, stop: end };
}

/** As much of a control plane as a gateway needs: one full copy on its stream, a ping every second, events taken. */
async function serveStream(put: ReturnType<typeof syncObjects>): Promise<Server> {
  const store = 'bench';
  const server = createServer((req, res) => {
    if (req.headers.authorization !== `Bearer ${TOKEN}`) return void res.writeHead(401).end();
    if (req.method === 'POST') return void req.resume().on('end', () => res.writeHead(202).end());
    res.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const send = (message: SyncMessage): boolean => res.write(`${JSON.stringify(message)}\n`);
    send({ type: 'begin', number: 1 });
    send({ type: 'objects', put });
    send({ type: 'end', number: 1, store });
    const timer = setInterval(() => send({ type: 'ping', number: 1, store }), 1000);
    res.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
