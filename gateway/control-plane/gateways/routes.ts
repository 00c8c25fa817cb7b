/** The sync stream that gateways follow; what they report goes the other way. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { ControlPlane } from '../context.js';
import { parse, queryInteger } from '../http/parse.js';
import { requireGateway } from './access.js';
import { createFeed, type Feed } from './feed.js';
import { streamChanges } from './stream.js';

const streamQuery = z.object({
  since: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
  store: z.string().max(200).optional(),
});

/** How long a stream may take to end when the server stops. */
const STOP_GRACE_MS = 500;

/** The route of the stream, mounted below `/v1`. Streams end when the server closes. */
export const gatewayRoutes: FastifyPluginAsync<{ cp: ControlPlane; pingMs?: number }> = (app, { cp, pingMs }) => {
  const feed = createFeed(cp);
  const stopping = new AbortController();
  app.addHook('preClose', (done) => {
    stopping.abort();
    done();
  });

  app.get('/gateways/stream', async (request, reply) => {
    requireGateway(request.actor);
    const since = await startOf(feed, request);
    const text = openStream({ cp, feed, since, pingMs, request, stopping: stopping.signal });
    // A connection that were kept for another request would hold up the stop of the server.
    return reply.headers({ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store', connection: 'close' }).send(text);
  });
  return Promise.resolve();
};

/** The number that a gateway may go on from; undefined when it holds nothing, or something of another database or run. */
async function startOf(feed: Feed, { query }: FastifyRequest): Promise<number | undefined> {
  const { since = 0, store } = parse(streamQuery, query);
  return since > 0 && store === (await feed.store()) ? since : undefined;
}

interface OpenStream {
  readonly cp: ControlPlane;
  readonly feed: Feed;
  readonly since: number | undefined;
  readonly pingMs: number | undefined;
  readonly request: FastifyRequest;
  readonly stopping: AbortSignal;
}

function openStream({ cp, feed, since, pingMs, request, stopping }: OpenStream): Readable {
  const gone = new AbortController();
  const { socket } = request.raw;
  cp.telemetry.gatewayConnected(true);
  socket.once('close', () => {
    cp.telemetry.gatewayConnected(false);
    gone.abort();
  });
  // A gateway that does not read on would hold up the stop of the server.
  const cut = (): void => void setTimeout(() => socket.destroy(), STOP_GRACE_MS).unref();
  stopping.addEventListener('abort', cut, { signal: gone.signal });
  const signal = AbortSignal.any([gone.signal, stopping]);
  const text = Readable.from(streamChanges({ cp, feed, since, signal, pingMs }), { objectMode: false, highWaterMark: 65_536 });
  text.once('close', () => gone.abort());
  text.once('error', (error) => cp.log.error({ event: 'stream_failed', err: error }));
  return text;
}
