import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeRoute, makeUpstream, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { sendRaw, startTcp } from '../../test/helpers/raw-tcp.js';
import { balance } from './balancer.js';
import { createBreaker } from './breaker.js';
import type { Upstream, UpstreamHealth, Upstreams } from './snapshot.js';

const server = (name: string, weight = 1, changes: Partial<Upstream> = {}) => ({
  upstream: makeUpstream(`http://${name}.test`, changes),
  weight,
});
const names = (upstreams: Upstreams, count: number, nowMs = 0): string =>
  Array.from({ length: count }, () => {
    const picked = upstreams.pick(nowMs);
    return typeof picked === 'number' ? '-' : picked.host.slice(0, 1);
  }).join('');

/** A breaker that opens at the first failure and waits a second. */
const touchy = () => createBreaker('x', { failureThreshold: 1, windowMs: 60_000, openMs: 1000, successThreshold: 1 });

describe('several upstreams of a route', () => {
  it('take turns by their weights, evenly spread', () => {
    expect(names(balance([server('a', 5), server('b'), server('c')]), 7)).toBe('aabacaa');
  });

  it('get exactly their share in every round of the sum of weights', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (weights, rounds) => {
          const upstreams = balance(weights.map((weight, index) => server(String.fromCharCode(97 + index), weight)));
          const total = weights.reduce((sum, weight) => sum + weight, 0);

          const picked = names(upstreams, rounds * total);

          for (const [index, weight] of weights.entries())
            expect(picked.split(String.fromCharCode(97 + index)).length - 1).toBe(rounds * weight);
        },
      ),
    );
  });

  it('are left out while their breaker is open, get one probe, and come back', () => {
    const breaker = touchy();
    const upstreams = balance([server('a', 1, { breaker }), server('b')]);
    breaker.failure(0);

    expect(names(upstreams, 3, 10)).toBe('bbb');
    expect(names(upstreams, 4, 1500).replaceAll('b', '')).toBe('a');
    breaker.success(1600);
    expect(names(upstreams, 4, 1700).replaceAll('b', '')).toBe('aa');
  });

  it('say how long to wait when no breaker lets a request through, and count the refusal', () => {
    const [first, second] = [touchy(), touchy()];
    const upstreams = balance([server('a', 1, { breaker: first }), server('b', 1, { breaker: second })]);
    first.failure(0);
    second.failure(400);

    expect(upstreams.pick(500)).toBe(500);
    expect(first.stats(500).rejected_count + second.stats(500).rejected_count).toBe(2);
  });

  it('are left out while their check fails, and all are asked when every check fails', () => {
    const health = { isHealthy: false };
    const other: { isHealthy: boolean } & UpstreamHealth = { isHealthy: true };
    const upstreams = balance([server('a', 1, { health }), server('b', 1, { health: other })]);

    expect(names(upstreams, 4)).toBe('bbbb');
    other.isHealthy = false;
    expect(names(upstreams, 4).replaceAll('a', '')).toBe('bb');
  });
});

describe('a request to an API with several upstreams', () => {
  const start = async (retries = 2) => {
    const [good, other] = [await startUpstream((_req, res) => res.end('good')), await startUpstream((_req, res) => res.end('other'))];
    const dead = await startTcp((socket) => socket.destroy());
    const closed = await startUpstream((_req, res) => res.end());
    closed.server.close();
    const route = (...urls: string[]) => {
      const servers = urls.map((url) => ({ upstream: makeUpstream(url, { retries }), weight: 1 }));
      return makeRoute({ upstreamUrl: urls[0] ?? '', upstream: { retries }, upstreams: balance(servers) });
    };
    return { good, other, dead, closed, route };
  };
  const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
  const ended = (text: string): boolean => /good|other|\}$/.test(text);

  it('is forwarded with the Host and below the path of the one that takes it', async () => {
    const seen: string[] = [];
    const first = await startUpstream((req, res) => res.end(`good ${seen.push(`${req.headers.host} ${req.url}`)}`));
    const { other, route } = await start();
    const gateway = await startGateway({ routes: [route(`${first.url}/base`, other.url)] });

    const bodies = [];
    for (let n = 0; n < 4; n += 1) bodies.push(bodyOf((await sendRaw(gateway.port, request('GET /apis/acme/payments/x?q'), ended)).text));

    expect(bodies.filter((body) => body === 'other')).toHaveLength(2);
    expect(seen).toEqual([`${new URL(first.url).host} /base/x?q`, `${new URL(first.url).host} /base/x?q`]);
  });

  it('goes to another one when the first cannot be reached, whatever its method', async () => {
    const { good, closed, route } = await start();
    const gateway = await startGateway({ routes: [route(closed.url, good.url)] });

    for (const line of ['GET /apis/acme/payments/x', 'POST /apis/acme/payments/x']) {
      const answers = [];
      for (let n = 0; n < 4; n += 1) answers.push(bodyOf((await sendRaw(gateway.port, request(line), ended)).text));
      expect(answers).toEqual(['good', 'good', 'good', 'good']);
    }
  });

  it('is not repeated elsewhere when it may have been acted on', async () => {
    const { good, dead, route } = await start();
    const gateway = await startGateway({ routes: [route(dead.url, good.url)] });

    const answers = [];
    for (let n = 0; n < 4; n += 1)
      answers.push((await sendRaw(gateway.port, request('POST /apis/acme/payments/x', ['Content-Length: 1'], 'x'), ended)).status);

    expect(answers.filter((status) => status === 502).length).toBeGreaterThan(0);
    expect(dead.connections()).toBe(answers.filter((status) => status === 502).length);
  });

  it('that is idempotent goes elsewhere when a fresh connection breaks, and that is a failure of its server', async () => {
    const { good, dead, route } = await start();
    const routeOf = route(dead.url, good.url);
    const gateway = await startGateway({ routes: [routeOf] });

    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(bodyOf((await sendRaw(gateway.port, request('GET /apis/acme/payments/x'), ended)).text));

    const failures = routeOf.upstreams.all.map(({ breaker }) => breaker.stats(Date.now()).failure_count);
    expect([answers, failures, dead.connections()]).toEqual([['good', 'good', 'good', 'good'], [2, 0], 2]);
  });

  it('that is idempotent asks the same server again when it has closed a kept connection, which says nothing of it', async () => {
    const { other, route } = await start();
    // Answers once a connection, and closes it when it is asked again.
    const impatient = await startTcp((socket) => {
      let asked = 0;
      socket.on('data', () => ((asked += 1) === 1 ? socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood') : socket.destroy()));
    });
    const routeOf = route(impatient.url, other.url);
    const gateway = await startGateway({ routes: [routeOf] });

    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(bodyOf((await sendRaw(gateway.port, request('GET /apis/acme/payments/x'), ended)).text));

    const failures = routeOf.upstreams.all.map(({ breaker }) => breaker.stats(Date.now()).failure_count);
    expect([answers, failures, impatient.connections()]).toEqual([['good', 'other', 'good', 'other'], [0, 0], 2]);
  });
});
