/** What the owner of a portal has decided is not undone by a client. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { newVisitor, registered, type Registered } from '../../../test/helpers/portal-visitor.js';
import { forgetIdle } from './accounts.js';

const DAY_MS = 24 * 3_600_000;

let server: TestServer;
let jane: Registered;
let id: string;
beforeEach(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
  jane = await registered(server);
  ({ id } = await jane.ok('POST subscriptions', { api: 'payments' }));
});
afterEach(() => server.close());

const approve = () => server.ok('POST', `/v1/subscriptions/${id}/approve`);
const keys = async () => (await server.ok('GET', `/v1/tenants/acme/apikeys?subscription_id=${id}`)).apikeys;
const cutOff = async () => server.call('DELETE', `/v1/tenants/acme/apikeys/${String((await keys())[0].id)}`);

describe('a new key (UI4)', () => {
  it('is refused once the owner has cut the key off', async () => {
    await approve();
    await cutOff();

    const { status, body } = await jane.send(`POST subscriptions/${id}/new-key`, {});

    expect([status, body.error.message]).toEqual([409, 'Your key was ended, or is past its end.']);
    expect(await server.validKeys(id)).toEqual([]);
  });

  it('ends when the key would have that the owner has given an end, and is refused after it', async () => {
    await approve();
    await cutOff();
    const expires_at = new Date(server.cp.now() + 10 * DAY_MS).toISOString();
    await server.ok('POST', '/v1/tenants/acme/apikeys', { subscription_id: id, name: 'trial', expires_at });

    const { api_key } = await jane.ok(`POST subscriptions/${id}/new-key`, { grace_period_hours: 1 });
    const isValid = (await server.validKeys(id, [api_key])).length === 1;
    server.advance(10 * DAY_MS);

    expect(isValid).toBe(true);
    expect(await server.validKeys(id, [api_key])).toEqual([]);
    expect((await jane.send(`POST subscriptions/${id}/new-key`, {})).status).toBe(409);
  });
});

it('reasons of a suspension or revocation are for the owner (UI4)', async () => {
  await approve();

  const shown: unknown[] = [];
  for (const verb of ['suspend', 'revoke']) {
    await server.ok('POST', `/v1/subscriptions/${id}/${verb}`, { reason: 'Looks like fraud.' });
    shown.push((await jane.ok('GET subscriptions')).subscriptions[0].reason);
  }

  expect(shown).toEqual([null, null]);
});

it('a rejection can be read for a week, also by who came long before (UI4)', async () => {
  server.advance(20 * DAY_MS);
  await server.ok('POST', `/v1/subscriptions/${id}/reject`, { reason: 'No contract.' });
  server.advance(6 * DAY_MS);

  await forgetIdle(server.cp);
  const { subscriptions } = await jane.ok('GET subscriptions');
  server.advance(DAY_MS);
  await forgetIdle(server.cp);

  expect(subscriptions[0].reason).toBe('No contract.');
  expect((await jane.send('GET me')).status).toBe(401);
});

it('what nobody looks at for 30 days is forgotten (UI1)', async () => {
  server.advance(29 * DAY_MS);
  await forgetIdle(server.cp);
  const before = (await jane.send('GET me')).status;
  server.advance(DAY_MS);

  await forgetIdle(server.cp);

  expect([before, (await jane.send('GET me')).status]).toEqual([200, 401]);
});

it('names and applications are on one line, and nothing in them turns it or hides (UI1 UI3)', async () => {
  for (const bad of ['Jane\nAdmin', 'Jane\tDoe', 'Jane\u202Emoc.live', 'Ja\u200Bne', 'Jane\u0085Doe']) {
    const access = await newVisitor(server).send('POST access', { name: bad, email: 'jane@example.com' });
    const subscription = await jane.send('POST subscriptions', { api: 'payments', application: bad });

    expect([bad, access.status, subscription.status]).toEqual([bad, 400, 400]);
  }
});
