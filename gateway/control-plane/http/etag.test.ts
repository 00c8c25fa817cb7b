/** If-Match (RFC 9110, section 13.1.1) on every operation that changes or deletes a resource. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { addressOf, seedTenant, type Ids } from '../../../test/helpers/seeded-tenant.js';
import { endpoints } from '../endpoints.js';

let control: TestControlPlane;
let ids: Ids;
beforeEach(async () => {
  control = await openControlPlane();
  ids = await seedTenant(control, 'acme', 'own');
});
afterEach(() => control.close());

const changing = endpoints.flatMap(({ id, methods, urls, errors = [] }) =>
  methods
    .filter((method) => ['PATCH', 'PUT', 'DELETE'].includes(method))
    .map((method) => ({ id, method, urls, isGuarded: errors.includes('precondition_failed') })),
);
const guarded = changing
  .filter(({ isGuarded }) => isGuarded)
  .flatMap(({ id, method, urls }) => urls.map((url) => [`${method} ${url}`, id, method, url] as const));

describe('If-Match', () => {
  it('guards every change and deletion of a declared resource; what lives has states instead', () => {
    const others = changing.filter(({ isGuarded }) => !isGuarded).map(({ id }) => id);

    expect(guarded.length).toBeGreaterThan(15);
    expect([...new Set(others)].sort()).toEqual(['deleteApiKey', 'deletePolicyBinding', 'deleteSubscription']);
  });

  it.each(guarded)('%s: a stale tag is 412 and changes nothing, the tag of GET is fine', async (_line, _id, method, url) => {
    const address = addressOf('GET', url, ids);
    const { headers, body } = await control.send(`GET ${address}`);
    const tag = String(headers['etag']);
    const change = method === 'DELETE' ? undefined : {};
    const send = (match: string) => control.send(`${method} ${address}`, change, { headers: { 'if-match': match } });

    for (const stale of [tag.replace(/\d+"$/, '99"'), '"other.1"', 'W/"x"'])
      expect(await send(stale)).toMatchObject({ status: 412, body: { error: { code: 'precondition_failed' } } });
    expect((await control.send(`GET ${address}`)).body).toEqual(body);
    expect((await send(tag)).status).toBe(method === 'DELETE' ? 204 : 200);
  });
});
