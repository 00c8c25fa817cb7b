/** The attack: a resource is named like another's id, and takes what is meant for that one. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

const upstream_url = 'https://up.example.com';

let server: TestServer;
let id: string;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  ({ id } = await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url }));
});
afterEach(() => server.close());

it('no resource is named like the id of another one of its tenant, of whatever kind, over REST or by a manifest (K32)', async () => {
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  const tenant = (await server.ok('GET', '/v1/tenants/globex')).id as string;
  const own = { kind: 'API', tenant: 'acme', name: id, spec: { path: '/evil', upstream_url } };

  const statuses = [
    await server.call('POST', '/v1/tenants/acme/apis', { name: id, path: '/evil', upstream_url }),
    await server.call('POST', '/v1/consumers/acme', { name: id, external_id: 'shop' }),
    await server.call('POST', '/v1/tenants', { name: tenant }),
    await server.call('POST', '/v1/apply', { project: 'shop', resources: [own] }),
  ].map(({ status }) => status);
  const { refusals } = await server.ok('POST', '/v1/plan', { project: 'shop', resources: [own] });

  expect(statuses).toEqual([409, 409, 409, 409]);
  expect(refusals).toMatchObject([{ code: 'conflict', resource: `API acme/${id}`, hint: 'Choose another name.' }]);
});

it('what was asked for in one tenant can be declared in another one, by the name that it has there (K32)', async () => {
  await server.ok('POST', '/v1/tenants', { name: 'staging' });
  const asked = await server.ok('POST', '/v1/tenants/acme/subscriptions', { api_id: id });
  const api = { kind: 'API', tenant: 'staging', name: 'payments', spec: { path: '/payments', upstream_url } };
  const copy = { kind: 'Subscription', tenant: 'staging', name: asked.id, spec: { api: 'payments' } };

  const { applied } = await server.ok('POST', '/v1/apply', { project: 'copy', resources: [api, copy] });

  expect(applied).toBe(true);
});

it('a name may look like an id that nobody has, and that of an export is its own (K32)', async () => {
  const free = { kind: 'API', tenant: 'acme', name: 'api-000000000000', spec: { path: '/free', upstream_url } };
  const asked = await server.ok('POST', '/v1/tenants/acme/subscriptions', { api_id: id });
  const exported = { kind: 'Subscription', tenant: 'acme', name: asked.id, spec: { api: 'payments' } };

  const { applied } = await server.ok('POST', '/v1/apply', { project: 'shop', resources: [free, exported] });

  expect(applied).toBe(true);
});
