import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import type { Actor } from '../context.js';
import { createTierLimits } from './tier-limits.js';

let control: TestControlPlane;
const tokens: Record<string, string> = {};
beforeAll(async () => {
  control = await openControlPlane();
  for (const tier of ['free', 'starter', 'business', 'enterprise']) {
    await control.send('POST /v1/tenants', { name: tier, tier });
    tokens[tier] = await control.tokenFor(`tenant:${tier}`);
  }
});
afterAll(() => control.close());

const asCaller = (tier: string, line: string, body?: unknown) => control.send(line, body, { token: tokens[tier] ?? '' });

describe('the limit of a tier', () => {
  it.each([
    ['free', 100],
    ['starter', 1000],
    ['business', 10_000],
    ['enterprise', 10_000_000],
  ])('of %s is %i an hour, in integers on every answer (CV23 CV24 CV25 CV26 CV27 CV28 CV29)', async (tier, limit) => {
    const found = await asCaller(tier, `GET /v1/tenants/${tier}`);
    const refused = await asCaller(tier, 'POST /v1/tenants', { name: 'x' });
    const unknown = await asCaller(tier, 'GET /v1/tenants/none');

    expect([found.status, refused.status, unknown.status]).toEqual([200, 403, 404]);
    for (const [index, { headers }] of [found, refused, unknown].entries()) {
      expect(headers['x-ratelimit-limit']).toBe(String(limit));
      expect(headers['x-ratelimit-remaining']).toBe(String(limit - 1 - index));
      expect(headers['x-ratelimit-reset']).toBe(String(Math.ceil((control.cp.now() + 3_600_000) / 1000)));
    }
  });

  it('of enterprise is what its tenant was given, at once (CV26)', async () => {
    await control.send('PATCH /v1/tenants/enterprise', { settings: { control_plane_rate_limit: 25_000 } });

    expect((await asCaller('enterprise', 'GET /v1/tenants/enterprise')).headers['x-ratelimit-limit']).toBe('25000');
  });

  it('lets exactly a hundred of two hundred concurrent calls through, and says when to come back (CV19 CV23)', async () => {
    await control.send('POST /v1/tenants', { name: 'crowd' });
    const token = await control.tokenFor('tenant:crowd');

    const answers = await Promise.all(Array.from({ length: 200 }, () => control.send('GET /v1/tenants/crowd', undefined, { token })));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(100);
    expect(refused[0]?.body.error).toMatchObject({ code: 'rate_limited', message: 'The limit of 100 requests an hour is used up.' });
    expect(refused[0]?.headers).toMatchObject({ 'retry-after': '3600', 'x-ratelimit-remaining': '0' });
    await control.send('PATCH /v1/tenants/crowd', { tier: 'starter' });
    expect((await control.send('GET /v1/tenants/crowd', undefined, { token })).headers['x-ratelimit-remaining']).toBe('899');
  });

  it('cannot be raised by the tenant itself', async () => {
    const answer = await asCaller('free', 'PATCH /v1/tenants/free', { tier: 'enterprise' });

    expect(answer.status).toBe(403);
  });

  it('does not count what has no valid token, and does not hold a gateway back', async () => {
    const nobody = await control.send('GET /v1/tenants', undefined, { token: 'a.b.c' });
    const gateway = await control.send('POST /v1/gateways/events', { events: [] }, { token: control.cp.gatewayToken });

    expect(nobody.headers['x-ratelimit-limit']).toBeUndefined();
    expect(gateway.headers).toMatchObject({ 'x-ratelimit-limit': '100000', 'x-ratelimit-remaining': '100000' });
  });
});

it('never lets more than the limit through in an hour, whatever the clock does, and refuses nobody below it', () => {
  const actor: Actor = { name: 'ci', roles: ['cpi-admin'], tenant: undefined, requestId: '' };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: -4_000_000, max: 4_000_000 }), { maxLength: 60 }),
      (limit, steps) => {
        let now = 1_000_000_000_000;
        const limits = createTierLimits(() => now, limit);
        let window = { start: -Infinity, count: 0 };
        for (const step of steps) {
          now += step;
          if (now >= window.start + 3_600_000 || now < window.start) window = { start: now, count: 0 };
          const expected = window.count < limit;
          if (expected) window.count += 1;
          const { isAllowed, remaining } = limits.take(actor, undefined);
          expect([isAllowed, remaining]).toEqual([expected, limit - window.count]);
        }
      },
    ),
  );
});
