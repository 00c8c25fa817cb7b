/** `stoactl doctor` over a real stack: it names the cause of failures that are caused here, and what to do. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../helpers/ports.js';
import { startStack, type TestStack } from '../helpers/stack.js';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'note' | 'problem';
  readonly what: string;
  readonly action?: string;
}

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
}, 60_000);
afterAll(() => stack.stop());

async function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr, exitCode } = await stack.stoactl(['doctor', ...args, '-o', 'json'], { env });
  expect(stderr).toBe('');
  const { findings, healthy } = JSON.parse(stdout) as { findings: Finding[]; healthy: boolean };
  expect(exitCode).toBe(healthy ? 0 : 1);
  expect(healthy).toBe(!findings.some(({ state }) => state === 'problem'));
  for (const { state, action } of findings) if (state === 'problem') expect(action).toMatch(/\w/);
  const said = (state: Finding['state']): string =>
    findings
      .filter((finding) => finding.state === state)
      .map(({ what, action }) => `${what} ${action ?? ''}`)
      .join('\n');
  return { problems: said('problem'), notes: said('note'), oks: said('ok') };
}

const call = async (path: string, key = stack.sample?.apiKey ?? ''): Promise<number> =>
  (await fetch(`${stack.urls.gateway}${path}`, { headers: { 'x-api-key': key } })).status;
async function eventually(read: () => Promise<unknown>, wanted: unknown): Promise<void> {
  const end = Date.now() + 8000;
  while ((await read()) !== wanted && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await read()).toBe(wanted);
}
async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

/** A tenant with an API that points to an upstream, a consumer and a subscription with a key. */
async function shop(tenant: string, upstream_url: string, api: object = {}): Promise<{ api: string; subscription: string; key: string }> {
  await stack.call('POST', '/v1/tenants', { name: tenant });
  const made = async (path: string, body: object): Promise<{ id: string; api_key: string }> => (await stack.call('POST', path, body)).body;
  const { id } = await made(`/v1/tenants/${tenant}/apis`, { name: 'orders', path: '/orders', upstream_url, ...api });
  const consumer = await made(`/v1/consumers/${tenant}`, { name: 'mobile', external_id: 'mobile', email: 'm@example.com' });
  const { id: subscription, api_key } = await made('/v1/subscriptions', { tenant_id: tenant, api_id: id, consumer_id: consumer.id });
  await eventually(() => call(`/apis/${tenant}/orders/x`, api_key).then((status) => status !== 401 && status !== 404), true);
  return { api: id, subscription, key: api_key };
}

describe('stoactl doctor of what is well', () => {
  it('finds nothing, of each part, the clock, the credentials, the upstreams and a consumer (CL17)', async () => {
    const { problems, oks } = await doctor(['--consumer', 'acme/mobile-app']);

    expect(problems).toBe('');
    for (const words of [
      'The control plane at',
      'The issuer at',
      'The gateway at',
      'clocks',
      'Signed in as client',
      'upstream',
      'it opens acme/payments at /apis/acme/payments',
      'No limit refused',
    ])
      expect(oks).toContain(words);
  });

  it('reads like a list, and never shows a key', async () => {
    const { stdout } = await stack.stoactl(['doctor', '--key-prefix', stack.sample?.apiKey ?? '']);

    expect(stdout).toMatch(/^ok {7}key {7}Key stoa_sk_\w{4}… of acme\/mobile-app-payments is active; it opens acme\/payments/m);
    expect(stdout).toContain('No problem was found.');
    expect(stdout).not.toContain(stack.sample?.apiKey ?? 'no key');
  });
});

describe('stoactl doctor of a 401', () => {
  it.each([
    ['suspend', 'is suspended', 'stoactl subscriptions resume'],
    ['revoke', 'is revoked', 'subscribe anew'],
  ])('names a subscription after %s, and the command', async (verb, what, action) => {
    const tenant = `key-${verb}`;
    const { subscription, key } = await shop(tenant, stack.urls.echo);
    await stack.call('POST', `/v1/subscriptions/${subscription}/${verb}`);
    await eventually(() => call(`/apis/${tenant}/orders/x`, key), 401);

    const byConsumer = await doctor(['--consumer', `${tenant}/mobile`]);
    const byKey = await doctor(['--key-prefix', key.slice(0, 12)]);

    for (const { problems } of [byConsumer, byKey]) {
      expect(problems).toContain(what);
      expect(problems).toContain(action);
    }
  });

  it('knows grace windows, revoked and expired keys, and how to get a new one', async () => {
    const { subscription, key } = await shop('keys', stack.urls.echo);
    await stack.call('POST', `/v1/subscriptions/${subscription}/rotate-key`, { grace_period_hours: 2 });
    expect((await doctor(['--key-prefix', key])).oks).toMatch(/is grace, rotated: works for another 2 h; it opens keys\/orders/);
    const { body } = await stack.call('GET', '/v1/tenants/keys/apikeys');
    for (const { id } of (body as { items: { id: string }[] }).items) await stack.call('DELETE', `/v1/tenants/keys/apikeys/${id}`);

    const { problems, notes } = await doctor(['--consumer', 'mobile', '--tenant', 'keys']);
    const revoked = await doctor(['--key-prefix', key.slice(0, 12)]);

    expect(problems).toMatch(/Subscription keys\/\S+ has no key that works. stoactl rotate-key keys\//);
    expect(notes).toContain('was revoked');
    expect(revoked.problems).toContain('was revoked: it gets 401.');
  });

  it('says that a key was used for another API than its own', async () => {
    const { key } = await shop('two', stack.urls.echo);
    await stack.call('POST', '/v1/tenants/two/apis', { name: 'stock', path: '/stock', upstream_url: stack.urls.echo });
    await eventually(() => call('/apis/two/stock/x', key), 401);
    await eventually(
      async () => ((await stack.call('GET', '/v1/audit/two?event_type=auth_failed')).body as { total: number }).total > 0,
      true,
    );

    const { notes, oks } = await doctor(['--consumer', 'two/mobile']);

    expect(notes).toMatch(
      /requests? of mobile .* refused .* with api_not_allowed: it was used for another API than the one it is for, the last \d+ s ago for stock/,
    );
    expect(oks).toContain('it opens two/orders at /apis/two/orders and no other API.');
  });

  it('knows no such consumer and no such key', async () => {
    expect((await doctor(['--consumer', 'acme/nobody'])).problems).toContain('There is no consumer "nobody" in tenant acme.');
    expect((await doctor(['--key-prefix', 'stoa_sk_zzzz'])).problems).toContain('No key begins with stoa_sk_zzzz');
  });
});

describe('stoactl doctor of a 502', () => {
  it('names the upstream that nothing listens on, and the trap of localhost in a container (CL17)', async () => {
    const port = await freePort();
    await shop('dead', `http://localhost:${port}`);
    expect(await call('/apis/dead2/orders/x', (await shop('dead2', `http://127.0.0.1:${port}`)).key)).toBe(502);

    const { problems } = await doctor(['--tenant', 'dead']);

    expect(problems).toContain(
      `Upstream http://localhost:${port} of API dead/orders cannot be reached: nothing listens there. Requests get 502.`,
    );
    expect(problems).toContain('host.docker.internal');
  });

  it('tells that localhost of a gateway elsewhere is another machine', async () => {
    const { problems } = await doctor(['--tenant', 'acme'], { STOA_GATEWAY_URL: 'http://gateway.invalid:3001' });

    expect(problems).toContain('but the gateway at http://gateway.invalid:3001 is on another machine.');
  });

  it('tries one server by hand (OP18)', async () => {
    expect((await doctor(['--tenant', 'acme', '--upstream', stack.urls.echo])).oks).toContain(`Upstream ${stack.urls.echo}/ answers.`);
    expect((await doctor(['--upstream', `http://127.0.0.1:${await freePort()}/health`])).problems).toContain('nothing listens there');
  });

  it('reaches a server on a port that browsers never call, as the gateway does', async () => {
    const server = createHttpServer((_req, res) => res.end()).listen(6000, '127.0.0.1');
    await once(server, 'listening');
    const { key } = await shop('blocked', 'http://127.0.0.1:6000');
    expect(await call('/apis/blocked/orders/x', key)).toBe(200);

    const { oks } = await doctor(['--tenant', 'blocked']);

    server.close();
    expect(oks).toContain('The upstream of tenant blocked can be reached.');
  });
});

describe('stoactl doctor of a 429', () => {
  it('names the tightest limit, how far over it was, and when it resets', async () => {
    const { api, key } = await shop('limited', stack.urls.echo, { rate_limit: { requests_per_hour: 1000 } });
    const { body } = await stack.call('POST', '/v1/admin/policies', {
      name: 'too-tight',
      policy_type: 'rate_limit',
      tenant_id: 'limited',
      scope: 'api',
      config: { requests_per_minute: 2, burst: 1 },
    });
    await stack.call('POST', '/v1/admin/policies/bindings', {
      policy_id: (body as { id: string }).id,
      api_catalog_id: api,
      tenant_id: 'limited',
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) statuses.push(await call('/apis/limited/orders/x', key));
    const refused = statuses.filter((status) => status === 429).length;
    expect(refused).toBeGreaterThan(0);
    await eventually(
      async () => ((await stack.call('GET', '/v1/audit/limited?event_type=rate_limit_exceeded')).body as { total: number }).total,
      refused,
    );

    const { problems } = await doctor(['--consumer', 'limited/mobile']);

    expect(problems).toContain(`${refused} requests of mobile to limited/orders were refused with 429`);
    expect(problems).toContain(
      `The tightest limit is policy limited/too-tight: 3 in 60 s; at worst ${refused} too many came in that time. It lets requests through again in`,
    );
    expect(problems).toContain(`about ${3 + refused} in 60 s would have been enough`);
  });

  it('names a quota that is used up, and when its month ends', async () => {
    await stack.call('POST', '/v1/tenants', { name: 'quotas' });
    await stack.call('POST', '/v1/tenants/quotas/plans', { name: 'tiny', quota: { monthly: 2 } });
    const { body: made } = await stack.call('POST', '/v1/tenants/quotas/apis', {
      name: 'orders',
      path: '/orders',
      upstream_url: stack.urls.echo,
    });
    const { body: consumer } = await stack.call('POST', '/v1/consumers/quotas', {
      name: 'small',
      external_id: 'small',
      email: 's@example.com',
    });
    const { body } = await stack.call('POST', '/v1/subscriptions', {
      tenant_id: 'quotas',
      api_id: (made as { id: string }).id,
      consumer_id: (consumer as { id: string }).id,
      plan: 'tiny',
    });
    const key = (body as { api_key: string }).api_key;
    await eventually(() => call('/apis/quotas/orders/x', key), 429);

    const { problems } = await doctor(['--consumer', 'quotas/small'], { STOA_ADMIN_TOKEN: stack.adminToken });

    expect(problems).toMatch(
      /Consumer small has used 2 of 2 requests of its quota of the month: further ones get 429 until \d{4}-\d\d-01T00:00:00.000Z/,
    );
  });
});

describe('stoactl doctor of what is around', () => {
  it('says that a token has expired, and how to go on', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) - 720 })).toString('base64url');

    const { problems } = await doctor([], { STOA_TOKEN: `e30.${claims}.x` });

    expect(problems).toContain('The access token in STOA_TOKEN expired 12 min ago; tokens live for five minutes.');
    expect(problems).toContain('STOA_CLIENT_SECRET');
  });

  it('says that the secret is wrong', async () => {
    expect((await doctor([], { STOA_CLIENT_SECRET: 'wrong' })).problems).toContain('refused the client "control-plane-api"');
  });

  it('says that another program holds the port', async () => {
    const other = createHttpServer((_req, res) => res.end('<html>hello</html>'));
    const port = await listening(other);

    const { problems } = await doctor(['--tenant', 'acme'], { STOA_GATEWAY_URL: `http://127.0.0.1:${port}` });
    other.close();

    expect(problems).toContain('but not like a part of STOA');
    expect(problems).toContain('Another program holds this port');
  });

  it('says which part is down, and that the others serve on', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;

    const { problems } = await doctor([], { STOA_API_URL: nowhere, STOA_AUTH_URL: nowhere });

    expect(problems).toContain(`The control plane at ${nowhere} is down`);
    expect(problems).toContain('Gateways serve on meanwhile.');
  });

  it('compares the clocks', async () => {
    const late = createHttpServer((_req, res) => {
      res.setHeader('date', new Date(Date.now() - 600_000).toUTCString());
      res.end('{"status":"ok"}');
    });
    const port = await listening(late);

    const { problems } = await doctor([], { STOA_API_URL: `http://127.0.0.1:${port}` });
    late.close();

    expect(problems).toContain('The clock of this machine is 10 min ahead of that of the control plane. Set both by NTP');
  });
});
