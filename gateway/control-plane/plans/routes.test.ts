import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

const list = async (query = '') => {
  const { plans, total } = await server.ok('GET', `/v1/tenants/acme/plans${query}`);
  return [plans.map(({ name, built_in }: { name: string; built_in: boolean }) => `${name} ${String(built_in)}`), total];
};

it('the plan standard is there without being declared, and asks for approval (SB8)', async () => {
  expect(await list()).toEqual([['standard true'], 1]);
  expect(await server.ok('GET', '/v1/tenants/acme/plans/standard')).toMatchObject({ built_in: true, requires_approval: true });
  for (const method of ['PATCH', 'DELETE'])
    expect((await server.call(method, '/v1/tenants/acme/plans/standard', {})).body.error.hint).toBe(
      'Create a plan of this name to take its place.',
    );
});

it('stands behind those of the tenant on whichever page, until one of its name takes its place (SB8)', async () => {
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'gold' });
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'silver' });

  const pages = [await list('?limit=2'), await list('?limit=2&page=2'), await list('?limit=2&page=3')];
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'standard', requires_approval: false });

  expect(pages).toEqual([
    [['gold false', 'silver false'], 3],
    [['standard true'], 3],
    [[], 3],
  ]);
  expect(await list()).toEqual([['gold false', 'silver false', 'standard false'], 3]);
});
