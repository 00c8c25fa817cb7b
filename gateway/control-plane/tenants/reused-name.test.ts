/** A name that is used again is another tenant's: whoever has it now learns nothing of whoever had it before (security 21). */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { GATEWAY_TOKEN } from '../../../test/helpers/control-plane.js';
import { endpoints } from '../endpoints.js';

const UPSTREAM = { path: '/pay', upstream_url: 'https://canary-upstream.example.com' };

let server: TestServer;
let former: {
  readonly tenant: string;
  readonly api: string;
  readonly subscription: string;
  readonly token: string;
  readonly revision: number;
};

beforeEach(async () => {
  server = await openServer();
  former = await liveAndDie();
});
afterEach(() => server.close());

/** A tenant with something in every table, its names full of canaries, which is deleted; a second later its name is given to another one. */
async function liveAndDie(): Promise<typeof former> {
  const resource = (kind: string, name: string, spec: object) => ({ kind, tenant: 'reuse', name, spec });
  const resources = [resource('Tenant', 'reuse', { admin_email: 'canary@example.com' }), resource('API', 'canary-api', UPSTREAM)];
  await server.ok('POST', '/v1/apply', { project: 'canary-project', resources });
  const token = await server.token('tenant:reuse');
  await server.ok('POST', '/v1/consumers/reuse', { name: 'Canary', external_id: 'canary', email: 'canary@example.com' });
  const made = await server.ok('POST', '/v1/subscriptions', { api_id: 'canary-api', consumer_id: 'canary', tenant_id: 'reuse' });
  const hook = { name: 'canary-hook', url: 'https://canary.example.com/?tok=abc', events: ['*'], secret: 'whsec_canary12' };
  await server.ok('POST', '/v1/tenants/reuse/webhooks', hook);
  await server.ok('POST', `/v1/subscriptions/${made.id}/suspend`, { reason: 'canary' });
  const event = { event_type: 'rate_limit_exceeded', tenant: 'reuse', api: 'canary-api', consumer: 'canary', path: '/canary', status: 429 };
  const events = [{ ...event, id: 'gw-1', at: new Date(server.cp.now()).toISOString() }];
  await server.call('POST', '/v1/gateways/events', { events }, { token: GATEWAY_TOKEN });
  const [tenant, api] = await Promise.all(
    ['/v1/tenants/reuse', '/v1/tenants/reuse/apis/canary-api'].map(async (path) => (await server.ok('GET', path)).id as string),
  );
  const { revisions } = await server.ok('GET', '/v1/revisions?limit=1');
  await server.ok('DELETE', '/v1/tenants/reuse');
  server.advance(1000);
  await server.ok('POST', '/v1/tenants', { name: 'reuse', tier: 'enterprise' });
  return { tenant: tenant ?? '', api: api ?? '', subscription: made.id, token, revision: revisions[0].revision };
}

it('no operation that reads shows the new tenant anything of the former one', async () => {
  const token = await server.token('tenant:reuse');
  const values: Readonly<Record<string, readonly string[]>> = {
    tenant: ['reuse', former.tenant],
    revision: Array.from({ length: former.revision + 1 }, (_value, index) => String(index + 1)),
    kind: ['API', 'Tenant', 'Consumer', 'Webhook', 'Subscription'],
    name: ['canary-api', former.api, 'reuse', 'canary', 'canary-hook', former.subscription],
  };
  const fill = (url: string): string[] => {
    const [, parameter = ''] = /:([a-z]+)/.exec(url) ?? [];
    if (parameter === '') return [url];
    const given = values[parameter] ?? ['canary', 'canary-api', 'canary-hook', former.api, former.subscription];
    return given.flatMap((value) => fill(url.replace(`:${parameter}`, value)));
  };
  const reading = endpoints.filter(({ methods, id }) => methods.includes('GET') && id !== 'followChanges').flatMap(({ urls }) => urls);

  const answers = await Promise.all(
    reading.flatMap(fill).map(async (url) => {
      const query = url.includes('/resources') && url.includes('revisions') ? '?project=canary-project' : '';
      return { url, answer: await server.call('GET', `/v1${url}${query}`, undefined, { token }) };
    }),
  );

  const told = answers.filter(({ answer }) => answer.status < 400 && /canary/i.test(answer.text));
  expect(told.map(({ url, answer }) => `${url} ${answer.text}`)).toEqual([]);
  expect(answers.filter(({ answer }) => answer.status === 429 || answer.status >= 500)).toEqual([]);
  expect(answers.filter(({ answer }) => answer.status === 200).length).toBeGreaterThan(10);
  expect((await server.call('GET', '/v1/revisions', undefined, { token })).body).toMatchObject({ total: 1, revisions: [{ created: 1 }] });
});

it('the platform still sees both lives', async () => {
  const { total } = await server.ok('GET', '/v1/revisions?tenant=reuse');
  const { changes } = await server.ok('GET', `/v1/revisions/${former.revision}`);

  expect(total).toBeGreaterThan(3);
  expect(JSON.stringify(changes)).toMatch(/canary/);
});

it('what the former tenant declared is not applied to the new one by a rollback', async () => {
  const { status, body } = await server.call('GET', `/v1/revisions/${former.revision}/resources?project=canary-project`);

  expect([status, body.error.code, body.error.message]).toEqual([
    409,
    'conflict',
    `The tenant "reuse" of revision ${former.revision} was deleted since; another one has its name now.`,
  ]);
});

it('what was deleted and has no heir can be brought back by a rollback', async () => {
  await server.ok('DELETE', '/v1/tenants/reuse');

  const { resources } = await server.ok('GET', `/v1/revisions/${former.revision}/resources?project=canary-project`);

  expect(resources.map(({ name }: { name: string }) => name)).toEqual(['canary-api', 'reuse']);
});

it('a plan that expected a resource of the former tenant does not say who wrote it', async () => {
  const token = await server.token('tenant:reuse');
  const expect_ = [{ kind: 'API', tenant: 'reuse', name: 'canary-api', action: 'update', version: 1 }];
  const set = { project: 'mine', resources: [], expect: expect_ };

  const { status, body } = await server.call('POST', '/v1/plan', set, { token });

  expect([status, body.error.message]).toEqual([409, 'API reuse/canary-api has changed since the plan was made.']);
});

it('a token of the former tenant opens nothing', async () => {
  const { status } = await server.call('GET', '/v1/tenants/reuse', undefined, { token: former.token });

  expect(status).toBe(401);
});

it('a repeated Idempotency-Key is not answered with what the former tenant was told', async () => {
  const post = async (name: string) => {
    const token = await server.token('tenant:reuse');
    const body = { name: 'Same', external_id: 'same' };
    return (await server.plane.send(`POST /v1/consumers/${name}`, body, { token, headers: { 'idempotency-key': 'k1' } })).body.id as string;
  };
  const first = await post('reuse');
  await server.ok('DELETE', '/v1/tenants/reuse');
  await server.ok('POST', '/v1/tenants', { name: 'reuse' });

  const second = await post('reuse');

  expect(second).toMatch(/^con-/);
  expect(second).not.toBe(first);
});
