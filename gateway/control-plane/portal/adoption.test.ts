/** The attack: somebody asks for access under the name that a repository, or an owner, gives to somebody else. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { newVisitor, registered } from '../../../test/helpers/portal-visitor.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
});
afterEach(() => server.close());

const apply = (...resources: readonly object[]) => server.ok('POST', '/v1/apply', { project: 'shop', resources });
const declared = (name: string, spec: object = {}) => ({ kind: 'Consumer', tenant: 'acme', name, spec });

it('nobody takes the name of a consumer that a repository declares later (UI1)', async () => {
  const stranger = await registered(server, 'mobile-app');

  const subscription = { kind: 'Subscription', tenant: 'acme', name: 'mobile', spec: { api: 'payments', consumer: 'mobile-app' } };
  const { plan } = await apply(declared('mobile-app', { email: 'owner@example.com' }), subscription);

  expect(plan.changes.map(({ action, name }: { action: string; name: string }) => `${action} ${name}`)).toContain('create mobile-app');
  expect((await stranger.ok('GET me')).consumer).toEqual({ name: 'mobile-app', email: 'jane@example.com' });
  expect((await stranger.ok('GET subscriptions')).subscriptions).toEqual([]);
  expect((await stranger.send('POST subscriptions/mobile/new-key', {})).status).toBe(404);
});

it('nobody takes the name of a consumer that the owner makes later (UI1)', async () => {
  const stranger = await registered(server, 'shop');

  const made = await server.ok('POST', '/v1/tenants/acme/consumers', { name: 'shop' });

  expect([stranger.consumer, made.name]).toEqual([expect.stringMatching(/^portal-[0-9a-z]{12}$/), 'shop']);
});

it('the sign-in of a stranger ends when a repository takes their consumer over, and the owner can make a new one (UI1)', async () => {
  const jane = await registered(server);

  await apply(declared(jane.consumer, { external_id: jane.consumer, email: 'jane@example.com' }));

  expect([(await jane.send('GET me')).status, (await jane.send('POST session', { secret: jane.secret })).status]).toEqual([401, 401]);
  const { sign_in_url } = await server.ok('POST', `/v1/tenants/acme/consumers/${jane.consumer}/sign-in-link`);
  const again = newVisitor(server);
  await again.ok('POST session', { secret: String(sign_in_url).split('#')[1] });
  await apply(declared(jane.consumer, { external_id: 'crm-7', email: 'jane@example.com' }));
  expect((await again.ok('GET me')).consumer).toEqual({ name: jane.consumer, email: 'jane@example.com' });
});

it('the sign-in of a stranger ends with another external_id, and with nothing else that the owner says of them (UI1)', async () => {
  const jane = await registered(server);

  await server.ok('PATCH', `/v1/tenants/acme/consumers/${jane.consumer}`, { display_name: 'Jane of Sales' });
  expect((await jane.ok('GET me')).consumer.name).toBe('Jane of Sales');
  await server.ok('PATCH', `/v1/tenants/acme/consumers/${jane.consumer}`, { external_id: 'crm-7' });

  expect((await jane.send('GET me')).status).toBe(401);
});
