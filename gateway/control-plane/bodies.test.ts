import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../test/helpers/control-plane.js';

let control: TestControlPlane;
beforeAll(async () => {
  control = await openControlPlane();
  await control.send('POST /v1/tenants', { name: 'acme' });
  await control.send('POST /v1/tenants/acme/apis', { name: 'a', path: '/a', upstream_url: 'http://127.0.0.1:9' });
  await control.send('POST /v1/consumers/acme', { name: 'c' });
  await control.send('POST /v1/tenants/acme/policies', { name: 'p', policy_type: 'rate_limit', config: { requests_per_minute: 1 } });
  await control.send('POST /v1/subscriptions', { api_id: 'a', consumer_id: 'c', tenant_id: 'acme' });
});
afterAll(() => control.close());

const ROUTES = [
  'POST /v1/plan',
  'POST /v1/apply',
  'POST /v1/tenants',
  'PATCH /v1/tenants/acme',
  'POST /v1/tenants/acme/apis',
  'PATCH /v1/tenants/acme/apis/a',
  'POST /v1/consumers/acme',
  'PATCH /v1/consumers/acme/c',
  'POST /v1/admin/policies',
  'PATCH /v1/admin/policies/p',
  'POST /v1/admin/policies/bindings',
  'POST /v1/tenants/acme/plans',
  'POST /v1/tenants/acme/webhooks',
  'POST /v1/tenants/acme/subscriptions',
  'POST /v1/subscriptions',
  'POST /v1/tenants/acme/apikeys',
  'POST /v1/tenants/acme/consumers/c/rotate-key',
  'POST /v1/gateways/events',
];

const FIELDS = [
  'name',
  'tier',
  'settings',
  'path',
  'version',
  'upstream_url',
  'rate_limit',
  'methods',
  'policy_type',
  'config',
  'targets',
  'scope',
  'tenant_id',
  'consumer_id',
  'api_id',
  'policy_id',
  'external_id',
  'email',
  'consumer_metadata',
  'url',
  'events',
  'secret',
  'project',
  'resources',
  'delete',
  'expect',
  'secrets',
  'max_deletes',
  'spec',
  'kind',
  'tenant',
  'labels',
  'subscription_id',
  'grace_period_hours',
  'expires_at',
  'plan',
  'display_name',
];
const WORDS = [
  'acme',
  'a',
  'c',
  'p',
  'API',
  'Tenant',
  'Policy',
  'rate_limit',
  'cors',
  'x'.repeat(300),
  '\u{1f600}',
  '\ud800',
  '%',
  "' OR 1=1 --",
  '../..',
  'ten-',
  '-1',
  '1e999',
  '',
];

const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 20 }));
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('any'), { maxLength: 3 }),
  object: fc.dictionary(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...FIELDS) }, { weight: 1, arbitrary: word }), tie('any'), {
    maxKeys: 7,
  }),
}));

describe('whatever a body holds', () => {
  it.each(ROUTES)('%s answers with the documented shape, never 5xx', async (route) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 6, arbitrary: value.object }, { weight: 1, arbitrary: value.any }), async (body) => {
        const answer = await control.send(route, JSON.stringify(body));

        expect(answer.status, `${JSON.stringify(body)} ${answer.text}`).toBeLessThan(500);
        if (answer.status >= 400) expect(answer.body.error.code).toMatch(/^[a-z_]+$/);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    '/v1/tenants/',
    '/v1/tenants/acme/apis/',
    '/v1/resources/',
    '/v1/audit/',
    '/v1/subscriptions/',
    '/v1/resources?kind=',
    '/v1/tenants?page=',
  ])('a path below %s is answered, never 5xx', async (prefix) => {
    await fc.assert(
      fc.asyncProperty(word, async (text) => {
        const answer = await control.send(`GET ${prefix}${encodeURIComponent(Buffer.from(text).toString('utf8'))}`);

        expect(answer.status, `${text} ${answer.text}`).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
  });
});

it('deep-nesting: millions of levels are refused before they are parsed', async () => {
  const deep = gzipSync('['.repeat(4_000_000) + ']'.repeat(4_000_000));
  const parseAll = vi.spyOn(JSON, 'parse');

  const answer = await control.app.inject({
    method: 'POST',
    url: '/v1/plan',
    headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
    payload: deep,
  });

  expect([answer.statusCode, parseAll.mock.calls.some(([text]) => text.length > 1_000_000)]).toEqual([400, false]);
  parseAll.mockRestore();
});

it('counts levels, not brackets in texts', async () => {
  const answer = await control.send('PATCH /v1/consumers/acme/c', {
    consumer_metadata: { note: `"\\"${'['.repeat(100)}`, list: [[1], [2]] },
  });

  expect(answer.status).toBe(200);
});
