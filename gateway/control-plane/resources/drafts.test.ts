import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterAll(() => server.close());

const fieldsOf = (body: { error: { details: readonly { field: string }[] } }): string[] =>
  body.error.details.map(({ field }) => field).sort();

describe('what is created over REST', () => {
  test.each([
    ['/v1/tenants', { tier: 'gold', admin_email: 'bad', zz: 1 }, ['admin_email', 'name', 'tier', 'zz']],
    ['/v1/tenants', { name: 5, zz: 1 }, ['name', 'zz']],
    ['/v1/tenants/acme/apis', { path: 'no-slash', zz: 1 }, ['name', 'path', 'upstream_url', 'zz']],
    ['/v1/tenants/acme/consumers', { email: 'bad', zz: 1 }, ['email', 'name', 'zz']],
    ['/v1/tenants/acme/webhooks', { name: 5, url: 'no-url', events: ['*'] }, ['name', 'url']],
  ])('%s is told of everything that is wrong at once, a missing name too (CV14)', async (path, body, fields) => {
    const answer = await server.call('POST', path, body);

    expect(answer.status).toBe(400);
    expect(fieldsOf(answer.body)).toEqual(fields);
  });

  test.each([
    ['in a value', { name: 'half', display_name: 'a\ud800' }, 'display_name'],
    ['in a field name', { name: 'half', consumer_metadata: { '\udc00': 'a' } }, 'consumer_metadata'],
  ])('half of a surrogate pair %s is refused: other readers of JSON refuse the whole text', async (_name, body, field) => {
    const refused = await server.call('POST', '/v1/tenants/acme/consumers', body);
    const whole = await server.call('POST', '/v1/tenants/acme/consumers', { name: `whole-${field.charAt(0)}`, display_name: 'a\u{1f600}' });

    expect([refused.status, fieldsOf(refused.body), whole.status]).toEqual([400, [field], 201]);
  });

  test.each<[{ name?: string; external_id?: string }, unknown]>([
    [{ external_id: 'b4', name: '日本' }, 'b4'],
    [{ name: '東京' }, expect.stringMatching(/^consumer-[0-9a-f]{12}$/)],
    [{ external_id: '大阪' }, expect.stringMatching(/^consumer-[0-9a-f]{12}$/)],
  ])('a consumer whose name makes no label keeps it for people (CN1): %j', async (body, resource_name) => {
    const consumer = await server.ok('POST', '/v1/tenants/acme/consumers', body);
    const again = await server.call('POST', '/v1/tenants/acme/consumers', body);

    expect(consumer).toMatchObject({ name: body.name ?? body.external_id, resource_name });
    expect(again.status).toBe(409);
  });
});
