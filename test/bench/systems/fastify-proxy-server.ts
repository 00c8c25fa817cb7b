/** The process of `fastify-proxy.ts`: takes the file with its settings as its only argument. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import proxy from '@fastify/http-proxy';
import fastify, { type FastifyInstance } from 'fastify';
import pino from 'pino';

interface Settings {
  readonly port: number;
  readonly upstream: string;
  readonly accessLog: string;
  readonly routes: readonly { readonly prefix: string }[];
  readonly digests: readonly [digest: string, consumer: string][];
}

interface Caller {
  readonly consumer: string;
  count: number;
  resetAt: number;
}

const LIMIT = 1_000_000_000;
const WINDOW_MS = 60_000;

async function main(file: string): Promise<void> {
  const settings = JSON.parse(readFileSync(file, 'utf8')) as Settings;
  const log = pino({ base: null }, pino.destination({ dest: settings.accessLog, sync: false, minLength: 16_000 }));
  const callers = new Map(settings.digests.map(([digest, consumer]): [string, Caller] => [digest, { consumer, count: 0, resetAt: 0 }]));
  const app = fastify({ genReqId: () => randomUUID() });
  addHooks(app, callers, log);
  for (const { prefix } of settings.routes) await app.register(proxy, { upstream: settings.upstream, prefix, undici: { connections: 64 } });
  await app.listen({ port: settings.port, host: '127.0.0.1' });
  process.once('SIGTERM', () => {
    log.flush();
    process.exit(0);
  });
}

function addHooks(app: FastifyInstance, callers: ReadonlyMap<string, Caller>, log: pino.Logger): void {
  app.addHook('onRequest', async (request, reply) => {
    const key = request.headers['x-api-key'];
    const caller = typeof key === 'string' ? callers.get(createHash('sha256').update(key).digest('hex')) : undefined;
    if (caller === undefined) return reply.code(401).send({ error: { code: 'unauthorized' } });
    const now = Date.now();
    if (now >= caller.resetAt) Object.assign(caller, { count: 0, resetAt: now + WINDOW_MS });
    caller.count += 1;
    if (caller.count > LIMIT) return reply.code(429).send({ error: { code: 'rate_limited' } });
    reply.header('x-request-id', request.id).header('x-ratelimit-remaining', LIMIT - caller.count);
    return undefined;
  });
  app.addHook('onResponse', async (request, reply) => {
    log.info({
      request_id: request.id,
      method: request.method,
      path: request.url,
      status: reply.statusCode,
      latency_ms: reply.elapsedTime,
    });
  });
}

await main(process.argv[2] ?? '');
