/** Versions share a path, and nobody takes over an address that another API has (decision K16). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

const APIS = '/v1/tenants/acme/apis';
const api = (name: string, path: string, version?: string) => ({
  name,
  path,
  upstream_url: `https://${name}.example.com`,
  ...(version === undefined ? {} : { version }),
});

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

const refusal = async (method: string, path: string, body: object) => {
  const { status, body: answer } = await server.call(method, path, body);
  return [status, answer.error?.code, answer.error?.message];
};
const create = async (...made: readonly ReturnType<typeof api>[]) => {
  for (const each of made) {
    await server.ok('POST', APIS, each);
    server.advance(1000);
  }
};
const urlOf = async (name: string) => (await server.ok('GET', `${APIS}/${name}`)).public_url as string;
const HELD = 'API "first" of tenant "acme" holds path /pay already.';

describe('an API without a version', () => {
  it('cannot take the path of a version (AP9)', async () => {
    await create(api('first', '/pay', 'v1'));

    expect(await refusal('POST', APIS, api('second', '/pay'))).toEqual([409, 'conflict', HELD]);
    expect(await urlOf('first')).toBe('https://gateway.example.test/acme/pay');
  });

  it('cannot be moved there, nor lose its version there', async () => {
    await create(api('first', '/pay', 'v1'), api('other', '/other'), api('next', '/pay', 'v2'));

    expect(await refusal('PATCH', `${APIS}/other`, { path: '/pay' })).toEqual([409, 'conflict', HELD]);
    expect(await refusal('PUT', `${APIS}/next`, { version: null })).toEqual([409, 'conflict', HELD]);
    expect(await urlOf('first')).toBe('https://gateway.example.test/acme/pay');
  });

  it('has its path for itself', async () => {
    await create(api('first', '/pay'));

    expect(await refusal('POST', APIS, api('second', '/pay', 'v2'))).toEqual([409, 'conflict', HELD]);
  });

  it('becomes a version beside which others may stand, and keeps its address', async () => {
    await create(api('first', '/pay'));
    await server.ok('PATCH', `${APIS}/first`, { version: 'v1' });
    await create(api('second', '/pay', 'v2'));

    expect([await urlOf('first'), await urlOf('second')]).toEqual([
      'https://gateway.example.test/acme/pay',
      'https://gateway.example.test/acme/pay/v2',
    ]);
  });
});

describe('a version', () => {
  it('that is older than the one which has the path cannot be moved there; a younger one can', async () => {
    await create(api('elder', '/elder', 'v1'), api('first', '/pay', 'v2'), api('younger', '/younger', 'v3'));

    expect(await refusal('PATCH', `${APIS}/elder`, { path: '/pay' })).toEqual([409, 'conflict', HELD]);
    await server.ok('PATCH', `${APIS}/younger`, { path: '/pay' });
    expect([await urlOf('first'), await urlOf('younger')]).toEqual([
      'https://gateway.example.test/acme/pay',
      'https://gateway.example.test/acme/pay/v3',
    ]);
  });

  it('may be changed otherwise, whoever came later', async () => {
    await create(api('first', '/pay', 'v1'), api('second', '/pay', 'v2'));

    await server.ok('PATCH', `${APIS}/first`, { description: 'Cards', version: 'v3' });

    expect(await urlOf('first')).toBe('https://gateway.example.test/acme/pay');
  });
});

describe('a set', () => {
  const set = (...apis: readonly ReturnType<typeof api>[]) => ({
    project: 'shop',
    resources: apis.map(({ name, ...spec }) => ({ kind: 'API', tenant: 'acme', name, spec })),
  });

  it('is planned with what stops it, and not applied', async () => {
    await create(api('first', '/pay', 'v1'));
    const taking = set(api('second', '/pay'));

    expect(await server.ok('POST', '/v1/plan', taking)).toMatchObject({ refusals: [{ code: 'conflict', message: HELD }] });
    expect(await refusal('POST', '/v1/apply', taking)).toEqual([409, 'conflict', HELD]);
  });

  it('with both of them has a finding', async () => {
    const { status, body } = await server.call('POST', '/v1/plan', set(api('first', '/pay', 'v1'), api('second', '/pay')));

    expect([status, body.error.details]).toEqual([
      400,
      [{ field: 'API acme/second path', message: 'API acme/second claims path /pay, which API acme/first holds.' }],
    ]);
  });

  it('may give a path to another API when the one that had it goes', async () => {
    await server.ok('POST', '/v1/apply', set(api('first', '/pay', 'v1'), api('next', '/pay', 'v2')));

    const blocked = await server
      .ok('POST', '/v1/plan', { ...set(api('second', '/pay'), api('next', '/pay', 'v2')), prune: true })
      .catch(String);
    const { applied } = await server.ok('POST', '/v1/apply', { ...set(api('second', '/pay')), prune: true });

    expect(blocked).toMatch(/claims path \/pay/);
    expect(applied).toBe(true);
  });
});
