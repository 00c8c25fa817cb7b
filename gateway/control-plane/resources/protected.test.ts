import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

const declare = (isProtected: string) => {
  const api = { path: '/pay', upstream_url: 'https://pay.example.com' };
  const annotations = { 'stoa/protected': isProtected };
  const resources = [
    { kind: 'Tenant', tenant: 'acme', name: 'acme', spec: {} },
    { kind: 'API', tenant: 'acme', name: 'pay', spec: api, annotations },
  ];
  return server.ok('POST', '/v1/apply', { project: 'shop', resources });
};

it.each(['/v1/tenants/acme/apis/pay', '/v1/tenants/acme'])('DELETE %s is refused while the API is protected', async (path) => {
  await declare('true');

  const { status, body } = await server.call('DELETE', path);

  expect([status, body.error]).toMatchObject([
    409,
    {
      code: 'conflict',
      message: 'API acme/pay is protected by its annotation "stoa/protected".',
      hint: 'Set the annotation to "false" and apply that first.',
    },
  ]);
  expect((await server.call('GET', '/v1/tenants/acme/apis/pay')).status).toBe(200);
  await declare('false');
  expect((await server.call('DELETE', path)).status).toBe(204);
});
