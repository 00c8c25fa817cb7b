import { expect, it, onTestFinished } from 'vitest';
import { eventually, makeRoute, makeUpstream, startUpstream } from '../../test/helpers/data-plane.js';
import { ask, dispatch, isOk } from '../../test/helpers/upstream-pool.js';
import type { Route, Upstream } from './snapshot.js';
import { createUpstreamClients } from './upstream-clients.js';

const routeTo = (upstream: Upstream): Route => makeRoute({ upstreamUrl: upstream.origin, upstream });
const HINT = { 'Keep-Alive': 'timeout=1' };

async function start() {
  const { url } = await startUpstream((req, res) => void (req.url === '/slow' || res.writeHead(200, HINT).end('ok')));
  const config: { routes: readonly Route[] } = { routes: [] };
  const clients = createUpstreamClients({ allowPrivate: true, snapshot: () => config });
  onTestFinished(() => clients.close());
  return { url, config, clients };
}

it('upstreams of one origin share their connections, whatever their paths, unless they connect in another time', async () => {
  const { url, clients } = await start();

  const pools = [`${url}/a`, `${url}/b`].map((address) => clients.pool(makeUpstream(address)));
  const other = clients.pool(makeUpstream(url, { connectTimeoutMs: 1 }));

  expect([pools[0] === pools[1], pools[0] === other]).toEqual([true, false]);
});

it('forgets an origin that is not configured any more when another one comes, and keeps those that rest', async () => {
  const { url, config, clients } = await start();
  const [gone, resting, fresh] = [makeUpstream(url), makeUpstream('http://127.0.0.1:1'), makeUpstream('http://127.0.0.1:2')];
  config.routes = [routeTo(gone), routeTo(resting)];
  const before = [clients.pool(gone), clients.pool(resting)];
  const [used] = before;
  if (used !== undefined) expect(await ask(used)).toEqual(isOk);
  await eventually(() => used?.size).toBe(0);

  config.routes = [routeTo(resting), routeTo(fresh)];
  clients.pool(fresh);

  expect([gone, resting].map((upstream, index) => clients.pool(upstream) === before[index])).toEqual([false, true]);
});

it('keeps an origin that is not configured any more while one of its requests is under way', async () => {
  const { url, config, clients } = await start();
  const [busy, fresh] = [makeUpstream(url), makeUpstream('http://127.0.0.1:2')];
  config.routes = [routeTo(busy)];
  const pool = clients.pool(busy);
  const asked = dispatch(pool, { path: '/slow' });
  await eventually(() => asked.isSent).toBe(true);

  config.routes = [routeTo(fresh)];
  clients.pool(fresh);

  expect(clients.pool(busy)).toBe(pool);
});
