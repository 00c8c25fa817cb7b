import { expect, it } from 'vitest';
import { eventually, KEY, makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { hooksOf } from '../../test/helpers/policy-gateway.js';
import { sendRaw, startTcp } from '../../test/helpers/raw-tcp.js';
import { cache } from '../policies/cache.js';
import type { Hooks } from '../policies/contract.js';
import { createBreaker } from './breaker.js';
import type { Visit } from './cache-visit.js';

const auth = { 'X-API-Key': KEY };
const LANES = ['fast', 'node'] as const;
type Lane = (typeof LANES)[number];
const PANIC = 'PANIC recovery triggered';
const broken = (): never => {
  throw new Error('secret detail');
};

/** A gateway whose upstream answers in two parts, and 304 to who asks whether its answer has changed. */
async function start(hooks: readonly Hooks[], lane: Lane = 'fast') {
  const { url } = await startUpstream((req, res) => {
    res.setHeader('ETag', '"a"').setHeader('Cache-Control', 'no-cache');
    if (req.headers['if-none-match'] !== undefined) res.writeHead(304).end();
    else res.write('one ', () => setTimeout(() => res.end('two'), 20));
  });
  const breaker = createBreaker(url);
  const gateway = await startGateway({
    routes: [makeRoute({ upstreamUrl: url, upstream: { breaker }, hooks })],
    fastLane: lane === 'fast',
  });
  const failures = (): number => breaker.stats(Date.now()).failure_count;
  const panics = (): readonly unknown[] => gateway.lines().filter(({ event }) => event === PANIC);
  return { gateway, failures, panics };
}

/** Follows the answer in place of the cache. */
const visit = (changes: Partial<Visit>): Hooks => {
  const none = {
    revalidate: () => undefined,
    receive: () => undefined,
    take: () => undefined,
    end: () => undefined,
    drop: () => undefined,
  };
  return { upstream: (_head, exchange) => void Object.assign(exchange, { visit: { ...none, ...changes } satisfies Visit }) };
};

it('a response hook that throws on a kept answer is a fault of the gateway, not of the upstream', async () => {
  let answers = 0;
  const { gateway, failures, panics } = await start([hooksOf(cache, {}), { response: () => void ((answers += 1) === 2 && broken()) }]);
  const first = await fetch(gateway.url, { headers: auth });

  const renewed = await fetch(gateway.url, { headers: auth });

  expect([await first.text(), renewed.status]).toEqual(['one two', 500]);
  expect(await renewed.text()).not.toContain('secret');
  expect([failures(), panics().length]).toEqual([0, 1]);
});

it('what throws before the head of an answer is out is answered 500, and its upstream is not to blame', async () => {
  const { gateway, failures, panics } = await start([visit({ receive: broken })]);

  const answer = await fetch(gateway.url, { headers: auth });

  expect([answer.status, failures()]).toEqual([500, 0]);
  expect(await answer.json()).toMatchObject({ error: { code: 'internal_error' } });
  expect(panics()).toEqual([expect.objectContaining({ error: expect.stringContaining('secret detail') })]);
});

it.each(LANES)('what throws inside of an answer cuts it short, and the client sees that (%s lane)', async (lane) => {
  let parts = 0;
  const { gateway, failures, panics } = await start([visit({ take: () => void ((parts += 1) === 2 && broken()) })], lane);

  const answer = await fetch(gateway.url, { headers: auth }).then((got) => got.text().catch(() => 'cut short'));

  expect([answer, failures(), panics().length]).toEqual(['cut short', 0, 1]);
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toMatchObject([{ aborted: true }]);
});

it.each(LANES)('what throws behind an answer takes nothing of it away (%s lane)', async (lane) => {
  const { gateway, failures, panics } = await start([visit({ end: broken })], lane);

  const texts = [];
  for (let n = 0; n < 2; n += 1) texts.push(await fetch(gateway.url, { headers: auth }).then((got) => got.text()));

  expect([texts, failures(), panics().length]).toEqual([['one two', 'one two'], 0, 2]);
});

it('a response hook that throws on a change of protocol is answered 500, and the upstream is let go', async () => {
  let isClosed = false;
  const { url } = await startTcp((socket) => {
    socket
      .on('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'))
      .on('close', () => (isClosed = true));
  });
  const breaker = createBreaker(url);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url, upstream: { breaker }, hooks: [{ response: broken }] })] });

  const handshake = request('GET /apis/acme/payments/x', ['Connection: Upgrade', 'Upgrade: websocket']);
  const answer = await sendRaw(gateway.port, handshake, (text) => text.endsWith('}'));

  expect([answer.status, breaker.stats(Date.now()).failure_count]).toEqual([500, 0]);
  await eventually(() => isClosed).toBe(true);
});
