/** Tenants that are suspended and resumed. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SyncMessage } from '../../../schema/sync.js';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { createFeed } from '../gateways/feed.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
});
afterEach(() => server.close());

const statusOf = async (): Promise<string> => (await server.ok('GET', '/v1/tenants/acme')).status;

/** Whether gateways are told that the tenant is suspended, by a full copy or by what changed after a number. */
async function isSuspendedAtGateways(since?: number): Promise<boolean> {
  const lines = [...((await createFeed(server.cp).read(since))?.pieces ?? [])].join('').split('\n').filter(Boolean);
  const messages = lines.map((line) => JSON.parse(line) as SyncMessage);
  const resources = messages.flatMap((message) => ('put' in message ? message.put.resources : []));
  return resources.find(({ kind, name }) => kind === 'Tenant' && name === 'acme')?.suspended === true;
}

const lastNumber = async (): Promise<number> => {
  const { number } = await server.cp.db
    .selectFrom('change_log')
    .select(({ fn }) => fn.max('number').as('number'))
    .executeTakeFirstOrThrow();
  return number;
};

describe('a tenant', () => {
  it('goes from active to suspended and back; every other step is 409 with a hint and changes nothing', async () => {
    for (const [verb, before, after] of [
      ['resume', 'active', undefined],
      ['suspend', 'active', 'suspended'],
      ['suspend', 'suspended', undefined],
      ['resume', 'suspended', 'active'],
    ] as const) {
      expect(await statusOf()).toBe(before);
      const { status, body } = await server.call('POST', `/v1/tenants/acme/${verb}`, { reason: 'unpaid' });
      if (after === undefined) expect({ status, body }).toMatchObject({ status: 409, body: { error: { hint: expect.any(String) } } });
      else expect([status, body.status]).toEqual([200, after]);
      expect(await statusOf()).toBe(after ?? before);
    }
    const { logs } = await server.ok('GET', '/v1/audit/acme?action=tenant.suspended');
    expect(logs).toHaveLength(1);
    expect(logs[0].details).toMatchObject({ before: { status: 'active' }, after: { status: 'suspended' }, reason: 'unpaid' });
    expect((await server.ok('GET', '/v1/tenants')).tenants[0].status).toBe('active');
  });

  it('is told to gateways as suspended, at once and in a full copy, also after it was edited', async () => {
    const number = await lastNumber();
    await server.ok('POST', '/v1/tenants/acme/suspend');
    expect([await isSuspendedAtGateways(number), await isSuspendedAtGateways()]).toEqual([true, true]);
    await server.ok('PATCH', '/v1/tenants/acme', { region: 'eu' });
    expect(await isSuspendedAtGateways(number)).toBe(true);

    await server.ok('POST', '/v1/tenants/acme/resume');

    expect([await isSuspendedAtGateways(number), await isSuspendedAtGateways()]).toEqual([false, false]);
  });

  it('may be read by its own people while it is suspended, and changed by the platform alone', async () => {
    const token = await server.token('tenant:acme');
    await server.ok('POST', '/v1/tenants/acme/suspend');

    const statuses = [];
    for (const [method, path] of [
      ['GET', '/v1/tenants/acme'],
      ['GET', '/v1/audit/acme'],
      ['POST', '/v1/consumers/acme'],
      ['POST', '/v1/tenants/acme/resume'],
      ['POST', '/v1/apply'],
    ] as const)
      statuses.push((await server.call(method, path, method === 'GET' ? undefined : { name: 'x' }, { token })).status);

    expect(statuses).toEqual([200, 200, 403, 403, 403]);
    await server.ok('POST', '/v1/consumers/acme', { name: 'x' });
  });

  it('is not suspended because another one of its name was', async () => {
    await server.ok('POST', '/v1/tenants/acme/suspend');
    await server.ok('DELETE', '/v1/tenants/acme');
    await server.ok('POST', '/v1/tenants', { name: 'acme' });

    expect([await statusOf(), await isSuspendedAtGateways()]).toEqual(['active', false]);
    expect(await server.cp.db.selectFrom('suspended_tenants').selectAll().execute()).toEqual([]);
  });
});
