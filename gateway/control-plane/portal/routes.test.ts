import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openControlPlane } from '../../../test/helpers/control-plane.js';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { newVisitor, registered, sealingPair, type Registered } from '../../../test/helpers/portal-visitor.js';
import { forgetSealed } from '../api-keys/sealed.js';
import { forgetIdle } from './accounts.js';

const DAY_MS = 24 * 3_600_000;
const JANE = { name: 'Jane Doe', email: 'jane@example.com' };

let server: TestServer;
beforeEach(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme', display_name: 'Acme Inc.' });
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  await server.ok('POST', '/v1/tenants/acme/apis', {
    name: 'payments',
    description: 'Takes payments.',
    path: '/payments',
    version: 'v1',
    upstream_url: 'https://secret-upstream.example.com',
  });
  await server.ok('POST', '/v1/tenants/acme/apis', {
    name: 'draft',
    path: '/draft',
    upstream_url: 'https://d.example.com',
    activated: false,
  });
});
afterEach(() => server.close());

const subscriptionOf = (id: string) => server.ok('GET', `/v1/subscriptions/${id}`);
const approve = async (id: string): Promise<string> => (await server.ok('POST', `/v1/subscriptions/${id}/approve`)).api_key;

/** Everything that is on disk and in the log. */
async function kept(): Promise<string> {
  const tables = await server.cp.db.introspection.getTables();
  const rows = await Promise.all(
    tables.map(({ name }) =>
      server.cp.db
        .selectFrom(name as 'settings')
        .selectAll()
        .execute(),
    ),
  );
  return JSON.stringify([rows, server.plane.logLines]);
}

describe('asking for access (UI1)', () => {
  it('makes a consumer whom the owner sees with name and address, and signs them in', async () => {
    const visitor = newVisitor(server);

    const answer = await visitor.send('POST access', JANE);

    expect(answer).toMatchObject({
      status: 201,
      body: { secret: expect.stringMatching(/^[\w-]{43}$/) },
      headers: { 'cache-control': 'no-store' },
    });
    expect(answer.headers['set-cookie']).toBe(
      `stoa_portal=${String(answer.body.secret)}; Path=/portal/acme; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure`,
    );
    expect(await visitor.ok('GET me')).toEqual({ tenant: { name: 'acme', title: 'Acme Inc.', description: null }, consumer: JANE });
    const { consumers } = await server.ok('GET', '/v1/consumers/acme');
    expect(consumers[0]).toMatchObject({
      ...JANE,
      external_id: expect.stringMatching(/^portal-/),
      consumer_metadata: { registered_by: 'portal' },
    });
  });

  it('keeps only a digest of the secret: no table, audit entry or line of the log has it', async () => {
    const { secret, consumer } = await registered(server);
    await newVisitor(server).ok('POST session', { secret });
    const link = `POST /v1/tenants/acme/consumers/${consumer}/sign-in-link`;
    const headers = { 'idempotency-key': 'link-1' };
    const made = (await server.plane.send(link, undefined, { headers })).body.sign_in_url as string;
    const again = (await server.plane.send(link, undefined, { headers })).body.sign_in_url as string;

    expect(again).toBe(made);
    for (const each of [secret, made.split('#')[1]]) expect(await kept()).not.toContain(each);
    const { logs } = await server.ok('GET', '/v1/audit/acme');
    expect(logs.map(({ action, user }: { action: string; user: string }) => `${action} ${user}`)).toEqual(
      expect.arrayContaining([
        'consumer.created visitor of the portal',
        `consumer.sign_in_link_created consumer:${consumer}`,
        `consumer.signed_in consumer:${consumer}`,
      ]),
    );
  });

  it('does not tell who is known: the same address twice is two consumers', async () => {
    const [first, second] = [await newVisitor(server).send('POST access', JANE), await newVisitor(server).send('POST access', JANE)];

    expect([first.status, Object.keys(first.body)]).toEqual([second.status, Object.keys(second.body)]);
    expect((await server.ok('GET', '/v1/consumers/acme')).total).toBe(2);
  });

  it('takes names of every script, and long ones', async () => {
    for (const name of ['Ιωάννα', '田中', 'x'.repeat(200)]) {
      const visitor = await registered(server, name);

      expect((await visitor.ok('GET me')).consumer.name).toBe(name);
    }
  });

  it('refuses what is no name or address, and what it does not know', async () => {
    const { name, email } = JANE;
    for (const body of [
      { name: ' ', email },
      { name, email: 'jane' },
      { name, email, id: 'x' },
      { name: 'x'.repeat(201), email },
      { name },
    ])
      expect([body, (await newVisitor(server).send('POST access', body)).status]).toEqual([body, 400]);
  });

  it('is forgotten after a week in which nothing was asked for, and not what waits or was approved', { timeout: 60_000 }, async () => {
    const [idle, waiting, approved] = [
      await registered(server, 'Idle'),
      await registered(server, 'Waiting'),
      await registered(server, 'Approved'),
    ];
    await waiting.ok('POST subscriptions', { api: 'payments' });
    await approve((await approved.ok('POST subscriptions', { api: 'payments' })).id);
    server.advance(7 * DAY_MS);

    await forgetIdle(server.cp);

    const { consumers } = await server.ok('GET', '/v1/consumers/acme');
    expect(consumers.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(['Approved', 'Waiting']));
    expect((await idle.send('GET me')).status).toBe(401);
  });
});

describe('signing in', () => {
  it('takes the link from any browser until there is a newer one, which the owner can make too', async () => {
    const jane = await registered(server);
    const other = newVisitor(server);
    await other.ok('POST session', { secret: jane.secret });
    expect((await other.ok('GET me')).consumer).toEqual(JANE);

    const { sign_in_url, expires_at } = await server.ok('POST', `/v1/tenants/acme/consumers/${jane.consumer}/sign-in-link`);
    const [, secret = ''] = String(sign_in_url).split('https://api.example.test/portal/acme#');

    expect([(await jane.send('GET me')).status, (await other.send('GET me')).status]).toEqual([401, 401]);
    expect((await other.send('POST session', { secret: jane.secret })).status).toBe(401);
    await other.ok('POST session', { secret });
    expect((await other.ok('GET me')).consumer).toEqual(JANE);
    expect(Date.parse(expires_at) - server.cp.now()).toBe(90 * DAY_MS);
    const { logs } = await server.ok('GET', '/v1/audit/acme?action=consumer.sign_in_link_created');
    expect(logs.map(({ user }: { user: string }) => user)).toEqual(['service-account-control-plane-api', `consumer:${jane.consumer}`]);
  });

  it('by the link of somebody else is asked about where one is signed in: the attack is login CSRF', async () => {
    const [jane, eve] = [await registered(server), await registered(server, 'Eve')];

    const asked = await jane.send('POST session', { secret: eve.secret });
    const own = await jane.send('POST session', { secret: jane.secret });

    expect([asked.status, asked.body, asked.headers['set-cookie']]).toEqual([
      200,
      { present: JANE, next: { ...JANE, name: 'Eve' } },
      undefined,
    ]);
    expect([own.status, (await jane.ok('GET me')).consumer.name]).toEqual([204, 'Jane Doe']);
    await jane.ok('POST session', { secret: eve.secret, replace: true });
    expect((await jane.ok('GET me')).consumer.name).toBe('Eve');
  });

  it('ends after 90 days, by signing out in that browser, and with its consumer', async () => {
    const [ended, out, gone] = [await registered(server), await registered(server, 'Out'), await registered(server, 'Gone')];
    const elsewhere = newVisitor(server);
    await elsewhere.ok('POST session', { secret: out.secret });

    await out.ok('DELETE session');
    await server.call('DELETE', `/v1/tenants/acme/consumers/${gone.consumer}`);

    expect([(await out.send('GET me')).status, (await elsewhere.send('GET me')).status]).toEqual([401, 200]);
    expect((await gone.send('GET me')).status).toBe(401);
    server.advance(90 * DAY_MS);
    expect((await ended.send('GET me')).status).toBe(401);
  });

  it('gives a consumer themselves a new link, which ends every other browser', async () => {
    const jane = await registered(server);
    const other = newVisitor(server);
    await other.ok('POST session', { secret: jane.secret });

    await jane.ok('POST sign-in-link');

    expect([(await jane.send('GET me')).status, (await other.send('GET me')).status]).toEqual([200, 401]);
  });

  it('is Secure where the page came over TLS, whatever ends it before this server', async () => {
    const plain = newVisitor(server, 'acme', 'http://api.example.test');

    const answer = await plain.send('POST access', JANE);

    expect([answer.status, String(answer.headers['set-cookie']).includes('Secure')]).toEqual([201, false]);
  });
});

const READ = ['GET me', 'GET apis', 'GET subscriptions'];
const WRITE = ['POST sign-in-link', 'POST subscriptions', 'POST subscriptions/x/sealed-key', 'POST subscriptions/x/new-key'];

describe('the walls of portals', () => {
  it('let in the signed in, of this tenant, alone', async () => {
    const foreign = await registered(server, 'Jane', 'globex');
    const cookies = ['', foreign.cookie, `stoa_portal=${'A'.repeat(43)}`];

    for (const line of [...READ, ...WRITE])
      for (const cookie of cookies) {
        const { status, body } = await newVisitor(server).send(line, undefined, { cookie });
        expect([line, status, body.error.code]).toEqual([line, 401, 'unauthorized']);
      }
  });

  it('let no consumer near the subscription of another, of this tenant or another one', async () => {
    const jane = await registered(server);
    const { id } = await jane.ok('POST subscriptions', { api: 'payments', public_key: (await sealingPair()).public_key });
    await approve(id);

    for (const other of [await registered(server, 'Eve'), await registered(server, 'Eve', 'globex')]) {
      expect((await other.ok('GET subscriptions')).subscriptions).toEqual([]);
      for (const verb of ['sealed-key', 'new-key']) expect((await other.send(`POST subscriptions/${String(id)}/${verb}`)).status).toBe(404);
    }
    expect((await subscriptionOf(id)).rotation_count).toBe(0);
  });

  it('are closed while the tenant is suspended', async () => {
    const jane = await registered(server);
    await server.ok('POST', '/v1/tenants/acme/suspend');

    for (const line of [...READ, ...WRITE]) expect((await jane.send(line)).status).toBe(403);
    expect((await newVisitor(server).send('POST access', JANE)).status).toBe(403);
    expect((await server.call('POST', `/v1/tenants/acme/consumers/${jane.consumer}/sign-in-link`)).status).toBe(409);
    await server.ok('POST', '/v1/tenants/acme/resume');
    expect((await jane.send('GET me')).status).toBe(200);
  });

  it('take no large bodies, and no more than 120 writes of a consumer in an hour', async () => {
    const jane = await registered(server);

    const large = await jane.send('POST subscriptions', { api: 'x'.repeat(9000) });
    const statuses = new Set<number>();
    for (let each = 0; each < 121; each += 1) statuses.add((await jane.send('POST subscriptions', {})).status);

    expect(large.status).toBe(413);
    expect([...statuses]).toEqual([400, 429]);
  });

  it('are not there unless the operator turns it on', async () => {
    const off = await openServer();
    await off.ok('POST', '/v1/tenants', { name: 'acme' });

    const answers = await Promise.all(
      ['GET /portal', 'GET /portal/acme', 'GET /portal-files/main.js', 'POST /portal/acme/access'].map((line) => off.plane.send(line)),
    );
    const unknown = await off.plane.send('GET /nothing');
    await off.ok('POST', '/v1/consumers/acme', { name: 'shop' });
    const link = await off.call('POST', '/v1/tenants/acme/consumers/shop/sign-in-link');

    for (const { status, body } of answers) expect([status, body.error.code]).toEqual([unknown.status, unknown.body.error.code]);
    expect(link.status).toBe(409);
    await off.close();
  });

  it('are found from /portal where there is one, which names no tenant where there are several', async () => {
    const several = await server.plane.send('GET /portal', undefined, { token: null });
    await server.ok('PATCH', '/v1/tenants/globex', { settings: { portal: false } });
    for (let each = 100; each < 210; each += 1) await server.put('Tenant', `a-${each}`, `a-${each}`, { settings: { portal: false } });
    const one = await server.plane.send('GET /portal', undefined, { token: null });

    expect([several.status, several.text.includes('acme')]).toEqual([200, false]);
    expect(one).toMatchObject({ status: 302, headers: { location: '/portal/acme' } });
    for (const name of ['globex', 'nobody', (await server.ok('GET', '/v1/tenants/acme')).id])
      expect((await server.plane.send(`GET /portal/${String(name)}`, undefined, { token: null })).status).toBe(404);
    expect((await newVisitor(server, 'globex').send('POST access', JANE)).status).toBe(404);
  });

  it('are what / leads to on their port, and nowhere else', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    holder.close();
    await once(holder, 'close');
    const plane = await openControlPlane({ hasPortal: true, portalPort: port });
    await plane.app.listen({ port, host: '127.0.0.1' });

    const answer = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' });
    const elsewhere = await plane.send('GET /');

    expect([answer.headers.get('location'), elsewhere.headers['location']]).toEqual(['/portal', '/console']);
    await plane.close();
  });
});

it('browsing shows what is served, with its address, and nothing of what is behind it (UI2)', async () => {
  const jane = await registered(server);
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'gold', rate_limit: { requests_per_minute: 60 }, quota: { monthly: 1000 } });
  await server.ok('PATCH', '/v1/tenants/acme', { settings: { rate_limit_multiplier: 2 } });

  const { apis, plans } = await jane.ok('GET apis');

  const said = { name: 'payments', title: 'payments', version: 'v1', description: 'Takes payments.' };
  expect(apis).toEqual([{ ...said, url: 'https://gateway.example.test/acme/payments', needs_key: true }]);
  const limits = { rate_limit: { limit: 120, window_secs: 60, burst: 0 }, daily_quota: null, monthly_quota: 2000 };
  expect(plans).toEqual([{ name: 'gold', title: 'gold', description: null, ...limits }]);
});

describe('subscribing (UI3)', () => {
  it.each([undefined, 'open'])('always waits for approval, with plan %s, and the owner sees who asks', async (plan) => {
    if (plan !== undefined) await server.ok('POST', '/v1/tenants/acme/plans', { name: plan, requires_approval: false });
    const jane = await registered(server);

    const { id } = await jane.ok('POST subscriptions', { api: 'payments', plan, application: 'Shop' });

    expect(await subscriptionOf(id)).toMatchObject({
      status: 'pending_approval',
      api_key_prefix: null,
      consumer: jane.consumer,
      consumer_name: JANE.name,
      consumer_email: JANE.email,
      application: 'Shop',
    });
    expect((await jane.ok('GET subscriptions')).subscriptions).toMatchObject([{ id, api: 'payments', status: 'pending_approval' }]);
    expect(await server.validKeys(id)).toEqual([]);
  });

  it('is once for each API while it lives, and again after a rejection, whose reason is shown', async () => {
    const jane = await registered(server);
    const { id } = await jane.ok('POST subscriptions', { api: 'payments' });

    const second = await jane.send('POST subscriptions', { api: 'payments' });
    await server.ok('POST', `/v1/subscriptions/${String(id)}/reject`, { reason: 'Tell us who you are.' });
    const third = await jane.send('POST subscriptions', { api: 'payments' });

    expect([second.status, third.status]).toEqual([409, 201]);
    const { subscriptions } = await jane.ok('GET subscriptions');
    expect(subscriptions.find((each: { id: string }) => each.id === id)).toMatchObject({
      status: 'rejected',
      reason: 'Tell us who you are.',
    });
  });

  it('refuses what is not offered, and keys that are none', async () => {
    const jane = await registered(server);
    const curve = { kty: 'EC', crv: 'P-256' };
    const refused: readonly (readonly [object, number])[] = [
      [{ api: 'draft' }, 404],
      [{ api: 'nothing' }, 404],
      [{ api: 'payments', plan: 'standard' }, 400],
      [{ api: (await server.ok('GET', '/v1/tenants/acme/apis')).apis[0].id }, 404],
      [{ api: 'payments', public_key: { ...curve, x: 'A'.repeat(43), y: 'A'.repeat(43) } }, 400],
      [{ api: 'payments', public_key: { ...curve, x: 'A' } }, 400],
      [{ api: 'payments', status: 'active' }, 400],
    ];

    for (const [body, status] of refused) expect([body, (await jane.send('POST subscriptions', body)).status]).toEqual([body, status]);
    expect((await jane.ok('GET subscriptions')).subscriptions).toEqual([]);
  });

  it('asks for a plan where the tenant has some, and says so where it has none', async () => {
    expect((await (await registered(server)).send('POST subscriptions', { api: 'payments', plan: 'gold' })).body.error.details).toEqual([
      { field: 'plan', message: 'There are no plans to choose from.' },
    ]);
    await server.ok('POST', '/v1/tenants/acme/plans', { name: 'gold' });
    const jane = await registered(server);

    expect(await jane.send('POST subscriptions', { api: 'payments' })).toMatchObject({
      status: 400,
      body: { error: { details: [{ field: 'plan', message: 'Choose one of the plans: gold.' }] } },
    });
  });
});

describe('the key of a subscription (UI4)', () => {
  let jane: Registered;
  let id: string;
  let pair: Awaited<ReturnType<typeof sealingPair>>;
  beforeEach(async () => {
    jane = await registered(server);
    pair = await sealingPair();
    ({ id } = await jane.ok('POST subscriptions', { api: 'payments', public_key: pair.public_key }));
  });
  const own = async () => (await jane.ok('GET subscriptions')).subscriptions[0];
  const isSealed = async (): Promise<boolean> => (await server.cp.db.selectFrom('sealed_keys').select('ciphertext').execute()).length > 0;

  it('is shown once to whoever asked for it, and is the one that the approver was shown', async () => {
    expect((await jane.send(`POST subscriptions/${id}/sealed-key`)).status).toBe(410);
    const key = await approve(id);
    expect(await own()).toMatchObject({ status: 'active', api_key_prefix: key.slice(0, 12), sealed_to: pair.public_key.x });

    const { jwe } = await jane.ok(`POST subscriptions/${id}/sealed-key`);
    const again = await jane.send(`POST subscriptions/${id}/sealed-key`);

    expect(await pair.open(jwe)).toBe(key);
    expect(again).toMatchObject({ status: 410, body: { error: { hint: 'Make a new key.' } } });
    expect(await own()).toMatchObject({ api_key_prefix: key.slice(0, 12), sealed_to: null });
    const { logs } = await server.ok('GET', '/v1/audit/acme?action=api_key.shown');
    expect(logs).toMatchObject([{ user: `consumer:${jane.consumer}`, consumer: jane.consumer }]);
  });

  it('is kept in a form that neither the control plane nor a backup can open', async () => {
    const key = await approve(id);
    const [sealed] = await server.cp.db.selectFrom('sealed_keys').selectAll().execute();

    expect(JSON.parse(Buffer.from(sealed?.ciphertext?.split('.')[0] ?? '', 'base64url').toString())).toMatchObject({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
    });
    expect(await kept()).not.toContain(key);
  });

  it('goes to the first who asks, however many ask at the same time', async () => {
    await approve(id);

    const answers = await Promise.all(Array.from({ length: 8 }, () => jane.send(`POST subscriptions/${id}/sealed-key`)));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(410)]);
  });

  it.each([
    ['it is rotated by its owner', () => server.ok('POST', `/v1/subscriptions/${id}/rotate-key`)],
    ['it is rotated by its consumer', () => jane.ok(`POST subscriptions/${id}/new-key`)],
    [
      'it is cut off',
      async () => {
        const { apikeys } = await server.ok('GET', `/v1/tenants/acme/apikeys?subscription_id=${id}`);
        await server.call('DELETE', `/v1/tenants/acme/apikeys/${String(apikeys[0].id)}`);
      },
    ],
    ['its subscription is revoked', () => server.ok('POST', `/v1/subscriptions/${id}/revoke`)],
    ['its API is deleted', () => server.call('DELETE', '/v1/tenants/acme/apis/payments')],
    ['its consumer is deleted', () => server.call('DELETE', `/v1/tenants/acme/consumers/${jane.consumer}`)],
    ['its tenant is deleted', () => server.call('DELETE', '/v1/tenants/acme')],
    [
      'nobody looks for 30 days',
      async () => {
        server.advance(30 * DAY_MS);
        await forgetSealed(server.cp);
      },
    ],
  ])('is kept no longer once %s', async (_what, end) => {
    await approve(id);
    expect(await isSealed()).toBe(true);

    await end();

    expect(await isSealed()).toBe(false);
  });

  it('leaves nothing behind when it is rejected, and the account goes with its consumer', async () => {
    await server.ok('POST', `/v1/subscriptions/${id}/reject`);
    expect(await isSealed()).toBe(false);

    await server.call('DELETE', '/v1/tenants/acme');

    expect(await server.cp.db.selectFrom('portal_accounts').selectAll().execute()).toEqual([]);
  });

  it('is made anew by the consumer, the old one living on as long as they choose', async () => {
    const first = await approve(id);

    const { api_key: second, old_key_expires_at: end } = await jane.ok(`POST subscriptions/${id}/new-key`, { grace_period_hours: 1 });
    const tooSoon = await jane.send(`POST subscriptions/${id}/new-key`, {});
    const { api_key: third } = await jane.ok(`POST subscriptions/${id}/new-key`, { force: true });

    expect(Date.parse(end) - server.cp.now()).toBe(3_600_000);
    expect([tooSoon.status, tooSoon.body.error.hint]).toEqual([409, 'Make a new key after that, or end that one now.']);
    expect(await server.validKeys(id, [first, second, third])).toEqual([second, third]);
    const { logs } = await server.ok('GET', '/v1/audit/acme?action=subscription.key_rotated');
    expect(logs[0]).toMatchObject({ user: `consumer:${jane.consumer}`, consumer: jane.consumer });
    expect(await kept()).not.toContain(third);
  });

  it('cannot be made before somebody has approved', async () => {
    const { status, body } = await jane.send(`POST subscriptions/${id}/new-key`, {});

    expect([status, body.error.message]).toEqual([409, 'Your subscription is not active.']);
  });
});
