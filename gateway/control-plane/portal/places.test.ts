/** The attack: somebody asks for access again and again until nobody else can. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { newVisitor, registered } from '../../../test/helpers/portal-visitor.js';

const HOUR_MS = 3_600_000;
const JANE = { name: 'Jane Doe', email: 'jane@example.com' };

let server: TestServer;
beforeEach(async () => {
  server = await openServer({ hasPortal: true, trustedProxies: ['127.0.0.1'] });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
});
afterEach(() => server.close());

const ask = (address: string, tenant = 'acme') => newVisitor(server, tenant, undefined, address).send('POST access', JANE);
const firstId = async (): Promise<string> => (await server.ok('GET', '/v1/consumers/acme')).consumers[0].id;
const approve = async (consumer_id: string) =>
  server.ok('POST', '/v1/subscriptions', { tenant_id: 'acme', api_id: 'payments', consumer_id });

it('one network asks 20 times in an hour, at all tenants together (UI1)', async () => {
  for (let each = 0; each < 10; each += 1) for (const tenant of ['acme', 'globex']) await registered(server, 'Jane', tenant, '192.0.2.7');

  const refused = await ask('192.0.2.8');
  server.advance(HOUR_MS);
  const later = await ask('192.0.2.8');

  expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '3600' }, body: { error: { code: 'rate_limited' } } });
  expect(later.status).toBe(201);
});

it('a private address is a proxy or a NAT, behind which everybody is: it has the places of the tenant (UI1)', async () => {
  for (let each = 0; each < 41; each += 1) await registered(server, 'Jane', 'acme', '172.18.0.1');

  const { consumers } = await server.ok('GET', '/v1/consumers/acme?limit=100');
  expect(consumers).toHaveLength(41);
});

it('one network takes no more than 20 places of a tenant, however long it tries, and leaves the others to others (UI1)', async () => {
  for (let each = 0; each < 20; each += 1) await registered(server, 'Eve', 'acme', `192.0.2.${each}`);
  server.advance(HOUR_MS);

  const refused = await ask('192.0.2.99');

  expect(refused).toMatchObject({
    status: 429,
    headers: { 'retry-after': String(7 * 24 * 3600 - 3600) },
    body: { error: { code: 'rate_limited' } },
  });
  expect(refused.body.error.message).toBe('Too many wait for access from your network already.');
  expect((await ask('192.0.3.1')).status).toBe(201);
  expect((await ask('192.0.2.99', 'globex')).status).toBe(201);
  await approve(await firstId());
  expect((await ask('192.0.2.99')).status).toBe(201);
});

it('networks without a place take nothing of the hour from others (UI1)', async () => {
  const networks = [1, 2, 3, 4];
  for (const network of networks) {
    for (let each = 0; each < 20; each += 1) await registered(server, 'Eve', 'acme', `192.0.${network}.${each}`);
    server.advance(HOUR_MS);
  }

  for (const network of networks) for (let each = 0; each < 20; each += 1) await ask(`192.0.${network}.${each}`);

  expect((await ask('198.51.100.1')).status).toBe(201);
});

it('ends when 200 of a tenant wait without an approved subscription, until one of them has one (UI1)', async () => {
  for (let each = 0; each < 200; each += 1) {
    if (each % 20 === 0) server.advance(HOUR_MS);
    await registered(server, 'Eve', 'acme', `192.0.${each}.1`);
  }

  const refused = await ask('198.51.100.1');
  await approve(await firstId());
  const later = await ask('198.51.100.1');

  expect([refused.status, refused.headers['retry-after'], later.status]).toEqual([429, String((7 * 24 - 9) * 3600), 201]);
});

it('a line of the log names the client that the proxy before the portal gives, and nobody else is believed', async () => {
  await ask('198.51.100.7, 127.0.0.1');
  const direct = await openServer({ hasPortal: true });
  await direct.ok('POST', '/v1/tenants', { name: 'acme' });
  await newVisitor(direct, 'acme', undefined, '198.51.100.7').send('POST access', JANE);

  const clients = [server, direct].map(({ plane }) => {
    const line = plane.logLines
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find(({ path }) => path === '/portal/acme/access');
    return line?.['client_ip'];
  });

  expect(clients).toEqual(['198.51.100.7', '127.0.0.1']);
  await direct.close();
});
