/** What an export asks for: configuration, and what no manifest says of it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { registered } from '../../../test/helpers/portal-visitor.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
});
afterEach(() => server.close());

it('those who came by the portal are state until somebody approves them, with what they asked for (UI1)', async () => {
  const names = async () => {
    const { resources, total } = await server.ok('GET', '/v1/resources?tenant=acme&settled=true');
    expect(resources).toHaveLength(total);
    return resources.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`);
  };
  const stranger = await registered(server);
  await server.ok('POST', '/v1/consumers/acme', { name: 'shop' });
  const { id } = await stranger.ok('POST subscriptions', { api: 'payments' });

  const before = await names();
  await server.ok('POST', `/v1/subscriptions/${String(id)}/approve`);

  expect(before).toEqual(['API payments', 'Consumer shop', 'Tenant acme']);
  expect(await names()).toEqual(expect.arrayContaining([`Consumer ${stranger.consumer}`, `Subscription ${String(id)}`]));
  expect((await server.ok('GET', '/v1/resources?tenant=acme&kind=consumers')).total).toBe(2);
});

it('an export is whole: whoever is named in what a project declares, or in a policy, is part of it (UI1)', async () => {
  const [declared, limited] = [await registered(server), await registered(server)];
  await declared.ok('POST subscriptions', { api: 'payments' });
  await server.ok('POST', '/v1/apply', {
    project: 'shop',
    resources: [
      { kind: 'Subscription', tenant: 'acme', name: 'own', spec: { api: 'payments', consumer: declared.consumer, plan: 'standard' } },
    ],
  });
  const target = { kind: 'API', name: 'payments', consumer: limited.consumer };
  const config = { requests_per_minute: 5 };
  await server.put('Policy', 'acme', 'own-limit', { policy_type: 'rate_limit', config, targets: [target] });

  const { resources } = await server.ok('GET', '/v1/resources?tenant=acme&settled=true');

  const names = resources.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining([declared.consumer, 'own', limited.consumer, 'own-limit']));
});

it('a secret that was given over REST is told of, since no manifest refers to it (WH8)', async () => {
  const hook = { url: 'https://hooks.example.com', events: ['subscription.created'], secret: 'whsec_abc123' };
  await server.ok('POST', '/v1/tenants/acme/webhooks', hook);

  const { resources } = await server.ok('GET', '/v1/resources?tenant=acme&kind=webhooks');

  expect(resources[0].secret_fields).toEqual(['secret_ref']);
  expect(JSON.stringify(resources)).not.toContain('whsec');
});
