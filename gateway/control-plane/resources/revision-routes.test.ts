/** The history of declared state: what each revision changed, seen by whom it concerns. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  const resource = (kind: string, tenant: string, name: string, spec: object) => ({ kind, tenant, name, spec });
  const resources = [
    resource('Tenant', 'acme', 'acme', {}),
    resource('API', 'acme', 'pay', { path: '/pay', upstream_url: 'https://pay.example.com' }),
  ];
  await server.ok('POST', '/v1/apply', { project: 'shop', resources, source: { commit: 'abc123', ci_run: 'https://ci.example.com/7' } });
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  await server.ok('PATCH', '/v1/tenants/acme/apis/pay', { description: 'Cards' });
});
afterEach(() => server.close());

describe('revisions', () => {
  it('are listed newest first, with who, when, commit and counts', async () => {
    const { revisions, total } = await server.ok('GET', '/v1/revisions');

    expect(total).toBe(3);
    expect(revisions.map(({ created, updated, deleted }: Record<string, number>) => [created, updated, deleted])).toEqual([
      [0, 1, 0],
      [1, 0, 0],
      [2, 0, 0],
    ]);
    expect(revisions[2]).toMatchObject({
      project: 'shop',
      commit: 'abc123',
      ci_run: 'https://ci.example.com/7',
      actor: expect.any(String),
    });
    expect((await server.ok('GET', '/v1/revisions?project=shop')).total).toBe(1);
    expect((await server.ok('GET', '/v1/revisions?tenant=acme')).total).toBe(2);
  });

  it('say field by field what they changed', async () => {
    const { revisions } = await server.ok('GET', '/v1/revisions?tenant=acme&limit=1');
    const { changes } = await server.ok('GET', `/v1/revisions/${revisions[0].revision}`);

    expect(changes).toEqual([
      { action: 'update', kind: 'API', tenant: 'acme', name: 'pay', fields: [{ path: 'spec.description', after: 'Cards' }] },
    ]);
  });

  it('of other tenants are not there', async () => {
    const token = await server.token('tenant:globex');
    const { body } = await server.call('GET', '/v1/revisions', undefined, { token });
    const { revisions } = await server.ok('GET', '/v1/revisions?tenant=acme');

    expect(body.total).toBe(1);
    for (const revision of [...revisions.map((each: { revision: number }) => each.revision), 99, 0, 'x', "1'"])
      expect((await server.call('GET', `/v1/revisions/${revision}`, undefined, { token })).status).toBe(404);
    expect((await server.call('GET', '/v1/revisions?tenant=acme', undefined, { token })).status).toBe(404);
  });

  it('say what a project declared after them, as it can be applied again', async () => {
    const { revisions } = await server.ok('GET', '/v1/revisions?tenant=acme');
    const [newest = 0, first = 0] = (revisions as { revision: number }[]).map(({ revision }) => revision);
    await server.ok('DELETE', '/v1/tenants/acme/apis/pay');
    const at = (revision: number, query = 'project=shop') => server.ok('GET', `/v1/revisions/${revision}/resources?${query}`);
    const descriptions = ({ resources }: { resources: { name: string; spec: { description?: string } }[] }) =>
      resources.map(({ name, spec }) => [name, spec.description]);

    expect(descriptions(await at(first))).toEqual([
      ['pay', undefined],
      ['acme', undefined],
    ]);
    expect(descriptions(await at(newest))).toEqual([
      ['pay', 'Cards'],
      ['acme', undefined],
    ]);
    expect(descriptions(await at(newest + 1))).toEqual([['acme', undefined]]);
    expect(await at(newest, 'project=shop&limit=1&page=2')).toMatchObject({ total: 2, resources: [{ kind: 'Tenant' }] });
    expect((await at(newest, 'project=other')).resources).toEqual([]);
    const again = await server.ok('POST', '/v1/plan', { project: 'shop', resources: (await at(newest)).resources });
    expect(again.changes).toMatchObject([{ action: 'create', name: 'pay' }]);
  });

  it('show a token of one tenant nothing of another', async () => {
    const token = await server.token('tenant:globex');
    const { body } = await server.call('GET', '/v1/revisions', undefined, { token });
    const [{ revision }] = body.revisions;

    expect((await server.call('GET', '/v1/revisions/1/resources?project=shop', undefined, { token })).status).toBe(404);
    expect((await server.call('GET', `/v1/revisions/${revision}/resources?project=shop`, undefined, { token })).body.total).toBe(0);
  });
});
