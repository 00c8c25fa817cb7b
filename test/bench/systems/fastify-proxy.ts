import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apiKeyDigest } from '../../../schema/api-key.js';
import { freePort, start, stop, waitFor } from '../lib/processes.js';
import type { Setting, Started, System } from './system.js';

/** What a Node team would write by itself: @fastify/http-proxy with hooks of its own. */
export const fastifyProxy: System = {
  name: '@fastify/http-proxy',
  job: 'digest of the key in a Map, window per key, pino line',
  missing() {
    try {
      createRequire(import.meta.url).resolve('@fastify/http-proxy');
      return undefined;
    } catch {
      return '@fastify/http-proxy is not installed';
    }
  },
  start: startProxy,
};

async function startProxy({ world, upstreamPort, directory, core }: Setting): Promise<Started> {
  const port = await freePort();
  const accessLog = path.join(directory, 'access.log');
  const log = path.join(directory, 'proxy.log');
  const settings = path.join(directory, 'settings.json');
  const digests = world.keys.map(({ key, consumer }) => [apiKeyDigest(key), consumer]);
  writeFileSync(settings, JSON.stringify({ port, upstream: `http://127.0.0.1:${upstreamPort}`, accessLog, routes: world.routes, digests }));
  const server = path.join(import.meta.dirname, 'fastify-proxy-server.ts');
  const running = start(process.execPath, ['--import', 'tsx', server, settings], { core, log, env: { NODE_ENV: 'production' } });
  const [first] = world.keys;
  await waitFor(running, `http://127.0.0.1:${port}${first?.path ?? '/'}`, log, 200, { 'x-api-key': first?.key ?? '' });
  return { running, port, accessLog, stop: () => stop(running) };
}
