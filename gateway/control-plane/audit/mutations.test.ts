import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { endpoints } from '../endpoints.js';

const API = { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' };

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

describe('every mutation is audited (AU5)', () => {
  it('with its request id, whichever operation of the API succeeds', { timeout: 60_000 }, async () => {
    await server.ok('POST', '/v1/tenants/acme/apis', { ...API, path: '/cards' });
    const subscription = await server.ok('POST', '/v1/subscriptions', { tenant_id: 'acme', api_id: 'payments' });
    const named: Readonly<Record<string, string>> = { tenant: 'acme', api: 'payments', subscription: subscription.id };
    // They write nothing of a tenant: a plan is only told, events are audit themselves.
    const silent = new Set(['/plan', '/plan/objects', '/gateways/events', '/gateways/usage']);
    const done: string[] = [];
    const unaudited: string[] = [];
    const changing = endpoints.filter(({ methods, urls }) => !methods.includes('GET') && !silent.has(urls[0] ?? ''));
    const order = (methods: readonly string[]): number => (methods.includes('DELETE') ? 1 : 0);
    for (const { id, methods, urls, examples } of [...changing].sort((a, b) => order(a.methods) - order(b.methods))) {
      const url = (urls[0] ?? '').replace(/:(\w+)/g, (_all, name: string) => named[name] ?? 'nobody');
      const options = { headers: { 'x-request-id': `walk-${id}` } };
      const answer = await server.plane.send(`${methods[0] ?? ''} /v1${url}`, examples?.body ?? {}, options);
      if (answer.status >= 300) continue;
      done.push(id);
      const rows = await server.cp.db.selectFrom('audit_log').selectAll().where('request_id', '=', `walk-${id}`).execute();
      if (rows.length === 0) unaudited.push(id);
    }

    expect(unaudited).toEqual([]);
    expect(done).toEqual(expect.arrayContaining(['updateTenant', 'deleteTenant', 'createApi']));
  });

  it('with values before and after, and the source of a write over REST', async () => {
    const { id } = await server.ok('POST', '/v1/tenants/acme/apis', API);
    await server.ok('PATCH', '/v1/tenants/acme/apis/payments', { description: 'Cards' });

    for (const resource of ['payments', id, 'API acme/payments']) {
      const { logs } = await server.ok('GET', `/v1/audit/acme?action=api.updated&resource=${encodeURIComponent(resource)}`);
      expect(logs).toHaveLength(1);
      expect(logs[0]).toMatchObject({ source: 'rest', project: null, resource_key: 'API acme/payments' });
      expect(logs[0].details).toMatchObject({ after: { 'spec.description': 'Cards' } });
    }
  });

  it('with project, commit and CI run of an apply', async () => {
    const spec = { path: '/payments', upstream_url: 'https://up.example.com' };
    const resource = { kind: 'API', tenant: 'acme', name: 'payments', spec };
    const source = { commit: 'abc123', ci_run: 'https://ci.example.com/7' };
    await server.ok('POST', '/v1/apply', { project: 'shop', resources: [resource], source });

    const { logs } = await server.ok('GET', '/v1/audit/acme?source=apply&project=shop');
    expect(logs[0]).toMatchObject({ action: 'api.created', source: 'apply', project: 'shop', ...source });
    expect(logs[0].details).toMatchObject({ before: null, after: { 'spec.path': '/payments' } });
  });

  it('with everything that a deletion takes along, under one request id', async () => {
    await server.ok('POST', '/v1/tenants/acme/apis', API);
    await server.ok('POST', '/v1/subscriptions', { tenant_id: 'acme', api_id: 'payments' });
    await server.plane.send('DELETE /v1/tenants/acme', undefined, { headers: { 'x-request-id': 'gone' } });

    const rows = await server.cp.db.selectFrom('audit_log').select('action').where('request_id', '=', 'gone').execute();
    const actions = rows.map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['tenant.deleted', 'api.deleted', 'subscription.deleted']));
  });
});
