import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAccessLog } from './access-log.js';
import { sealedText } from '../../test/helpers/sealed-text.js';
import { readSettings } from './settings.js';
import { startGateway } from './start.js';

const TOKEN = 'admin-token';
const WITH_TOKEN: Readonly<Record<string, string>> = { STOA_ADMIN_TOKEN: TOKEN };

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'stoa-admin-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Answers with the path that it was asked for. */
async function upstream(status = 200): Promise<string> {
  const server = createServer((req, res) => res.writeHead(status).end(req.url)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function open({ dataDir = directory(), env = WITH_TOKEN, lines = [] as string[] } = {}) {
  const log = createAccessLog({ format: 'json', level: 'info', write: (text) => lines.push(text), now: () => Date.now() });
  const gateway = await startGateway(readSettings(['--port', '0', '--data-dir', dataDir], env), log);
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await gateway.stop();
  };
  onTestFinished(stop);
  const base = `http://127.0.0.1:${String(gateway.port)}`;
  const send = async (line: string, body?: unknown, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }) => {
    const [method = '', path = ''] = line.split(' ');
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(base + path, { method, headers, ...(text === undefined ? {} : { body: text }) });
    const answer = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, headers: response.headers, body: isJson && answer !== '' ? JSON.parse(answer) : answer };
  };
  const get = (path: string) => send(`GET ${path}`, undefined, {});
  return { dataDir, send, get, stop };
}

/** The body of document D, with a prefix and an upstream of the test. */
const payments = (backend: string, over: object = {}) => ({
  id: 'api-123',
  name: 'payments',
  tenant_id: 'acme',
  path_prefix: '/apis/acme/payments',
  backend_url: backend,
  methods: ['GET', 'POST', 'PUT'],
  spec_hash: 'abc123def456',
  activated: true,
  ...over,
});
const gold = {
  id: 'policy-123',
  name: 'rate-limit-gold',
  policy_type: 'rate_limit',
  config: { limit: 2, window_secs: 60 },
  priority: 1,
  api_id: 'api-123',
};

describe('admin API', () => {
  it('is there only for the bearer of the token (AD1)', async () => {
    const { send } = await open();

    expect((await send('GET /admin/health')).status).toBe(200);
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, TOKEN]) {
      const { status, body, headers } = await send('GET /admin/health', undefined, authorization === '' ? {} : { authorization });
      expect({ status, code: body.error.code }).toEqual({ status: 401, code: 'unauthorized' });
      expect(headers.get('www-authenticate')).toContain('Bearer');
    }
    expect((await send(`GET /admin/health?token=${TOKEN}`, undefined, {})).status).toBe(401);
    expect((await send('GET /admin/nothing', undefined, {})).status).toBe(401);
  });

  it('is off without a token (AD1)', async () => {
    const { send } = await open({ env: {} });

    const { status, body } = await send('GET /admin/health');

    expect({ status, code: body.error.code }).toEqual({ status: 503, code: 'service_unavailable' });
  });

  it('answers unknown routes with 404 and wrong methods with 405', async () => {
    const { send } = await open();

    expect((await send('GET /admin/nothing')).body.error.code).toBe('not_found');
    expect((await send('GET /admin/apis/x/y')).status).toBe(404);
    for (const name of ['constructor', '__proto__', 'toString']) expect((await send(`GET /admin/${name}`)).status).toBe(404);
    const { status, headers, body } = await send('PUT /admin/apis');
    expect({ status, allow: headers.get('allow'), code: body.error.code }).toEqual({
      status: 405,
      allow: 'GET, HEAD, POST',
      code: 'method_not_allowed',
    });
    expect((await send('GET /admin/cache/clear')).headers.get('allow')).toBe('POST');
  });

  it('creates, updates, lists, shows and removes a route, which is served at once (AD3-AD6)', async () => {
    const { send, get } = await open();
    const backend = await upstream();
    const body = payments(backend);

    expect(await send('POST /admin/apis', body)).toMatchObject({ status: 201, body });
    expect(await get('/apis/acme/payments/x?q=1')).toMatchObject({ status: 200, body: '/x?q=1' });
    expect(await send('POST /admin/apis', { ...body, activated: false })).toMatchObject({ status: 200, body: { activated: false } });
    expect((await get('/apis/acme/payments/x')).body.error.code).toBe('api_not_activated');
    expect((await send('GET /admin/apis')).body).toEqual([{ ...body, activated: false }]);
    expect((await send('GET /admin/apis/api-123')).body).toEqual({ ...body, activated: false });
    expect((await send('GET /admin/health')).body).toMatchObject({ status: 'ok', routes_count: 1, policies_count: 0 });

    expect(await send('DELETE /admin/apis/api-123')).toMatchObject({ status: 204, body: '' });
    expect((await send('DELETE /admin/apis/api-123')).body.error.code).toBe('not_found');
    expect((await send('GET /admin/apis/api-123')).status).toBe(404);
    expect((await get('/apis/acme/payments/x')).status).toBe(404);
  });

  it('puts a policy in force with the next request, and lifts it at once (AD7 AD9)', async () => {
    const { send, get } = await open();
    await send('POST /admin/apis', payments(await upstream()));

    expect(await send('POST /admin/policies', gold)).toMatchObject({ status: 201, body: gold });
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await get('/apis/acme/payments/')).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect(await send('POST /admin/policies', { ...gold, config: { limit: 3, window_secs: 60 } })).toMatchObject({ status: 200 });
    expect((await get('/apis/acme/payments/')).status).toBe(200);
    expect((await get('/apis/acme/payments/')).status).toBe(429);
    expect((await send('GET /admin/policies')).body).toEqual([{ ...gold, config: { limit: 3, window_secs: 60 } }]);

    expect((await send('DELETE /admin/policies/policy-123')).status).toBe(204);
    expect((await send('DELETE /admin/policies/policy-123')).status).toBe(404);
    expect((await get('/apis/acme/payments/')).status).toBe(200);
  });

  it('keeps what was registered over a restart (AD24)', async () => {
    const first = await open();
    const body = payments(await upstream());
    await first.send('POST /admin/apis', body);
    await first.send('POST /admin/policies', gold);
    await first.stop();

    const second = await open({ dataDir: first.dataDir });

    expect((await second.get('/health/ready')).body).toEqual({ status: 'ready', control_plane: 'none' });
    expect((await second.send('GET /admin/apis')).body).toEqual([body]);
    expect((await second.send('GET /admin/policies')).body).toEqual([gold]);
    expect((await second.get('/apis/acme/payments/x')).headers.get('x-ratelimit-limit')).toBe('2');
  });

  it.each([
    ['no JSON', '{', ''],
    ['an array', [], ''],
    ['a missing field', { ...payments('http://127.0.0.1:1'), name: undefined }, 'name'],
    ['an unknown field', payments('http://127.0.0.1:1', { colour: 'red' }), 'colour'],
    ['a wrong type', payments('http://127.0.0.1:1', { activated: 'yes' }), 'activated'],
    ['an unknown method', payments('http://127.0.0.1:1', { methods: ['BREW'] }), 'methods.0'],
    ['no method', payments('http://127.0.0.1:1', { methods: [] }), 'methods'],
    ['another scheme', payments('ftp://127.0.0.1'), 'backend_url'],
    ['credentials in the URL', payments('http://a:b@127.0.0.1'), 'backend_url'],
    ['a metadata address', payments('http://169.254.169.254/latest'), 'backend_url'],
    ['a metadata address in another spelling', payments('http://0xa9fea9fe/'), 'backend_url'],
    ['an unspecified address', payments('http://[::]/'), 'backend_url'],
    ['a prefix without a slash', payments('http://127.0.0.1:1', { path_prefix: 'apis' }), 'path_prefix'],
    ['a prefix with dot segments', payments('http://127.0.0.1:1', { path_prefix: '/a/../admin' }), 'path_prefix'],
    ['a prefix of our own', payments('http://127.0.0.1:1', { path_prefix: '/admin/apis' }), 'path_prefix'],
    ['an id that is no segment', payments('http://127.0.0.1:1', { id: 'a/b' }), 'id'],
  ])('refuses a route with %s and names the field', async (_what, body, field) => {
    const { send } = await open();

    const answer = await send('POST /admin/apis', body);

    expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status: 400, code: 'validation_error' });
    if (field !== '') expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect((await send('GET /admin/apis')).body).toEqual([]);
  });

  it('says of each value what it is, where, and what would be right, of routes and policies', async () => {
    const { send } = await open();
    const said = async (line: string, body: unknown): Promise<Record<string, string>> => {
      const { details = [], message, hint } = (await send(line, body)).body.error;
      const fields = details.map(({ field, message }: { field: string; message: string }) => [field, message]);
      return fields.length > 0 ? Object.fromEntries(fields) : { '': [message, hint].filter(Boolean).join(' ') };
    };

    expect(
      await said('POST /admin/apis', { ...payments('ftp://x'), id: 7, name: '', tenant_id: undefined, methods: [], activated: 'yes' }),
    ).toEqual({
      id: '"id" must be a text, not the number 7.',
      name: '"name" is empty.',
      tenant_id: '"tenant_id" is missing.',
      methods: '"methods" has 0 entries; at least 1 is needed.',
      activated: '"activated" must be true or false, not the text "yes".',
    });
    expect((await said('POST /admin/apis', payments('http://x', { methods: ['GTE'] })))['methods.0']).toContain('"GTE"');
    expect((await said('POST /admin/apis', payments('ftp://x')))['backend_url']).toContain('"ftp://x"');
    expect(await said('POST /admin/apis', '[]')).toEqual({ '': 'The body is a list; it must be one JSON object.' });
    expect(await said('POST /admin/policies', '{')).toEqual({ '': 'The body is not JSON. Send one JSON object, such as {"id": "..."}.' });
    expect(await said('POST /admin/policies', { ...gold, policy_type: 'rate_limt', priority: 'high' })).toEqual({
      priority: '"priority" must be a whole number, not the text "high".',
    });
    expect(await said('POST /admin/policies', { ...gold, policy_type: 'rate_limt' })).toEqual({
      policy_type: '"policy_type" is "rate_limt", which is not known. Did you mean "rate_limit"?',
    });
    expect((await said('POST /admin/policies', { ...gold, api_di: 'x' }))['api_di']).toContain('Did you mean "api_id"?');
  });

  it.each([
    ['an unknown type', { ...gold, policy_type: 'quantum' }, 'policy_type'],
    ['a wrong config', { ...gold, config: { limit: 0, window_secs: 60 } }, 'config.limit'],
    ['a field of the config that is unknown', { ...gold, config: { limit: 1, window_secs: 60, colour: 1 } }, 'config.colour'],
    [
      'an inherited name as a field',
      `{"id":"p","name":"n","policy_type":"rate_limit","api_id":"a","config":{"limit":1,"window_secs":1,"__proto__":{}}}`,
      'config.__proto__',
    ],
    ['no api_id', { ...gold, api_id: undefined }, 'api_id'],
  ])('refuses a policy with %s', async (_what, body, field) => {
    const { send } = await open();

    const answer = await send('POST /admin/policies', body);

    expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status: 400, code: 'validation_error' });
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
  });

  it('gives a prefix to one route only', async () => {
    const { send } = await open();
    const backend = await upstream();
    await send('POST /admin/apis', payments(backend));

    expect((await send('POST /admin/apis', payments(backend, { id: 'other' }))).status).toBe(409);
    expect((await send('POST /admin/apis', payments(backend, { id: 'other', path_prefix: '/apis/acme/payments/v2' }))).status).toBe(201);
  });

  it('resets the breaker of an upstream by its encoded name (AD13 AD14)', async () => {
    const { send, get } = await open();
    const backend = `${await upstream(502)}/base`;
    await send('POST /admin/apis', payments(backend));
    for (let n = 0; n < 5; n += 1) await get('/apis/acme/payments/');

    expect((await get('/apis/acme/payments/')).body.error.code).toBe('circuit_open');
    const { body: stats } = await send('GET /admin/circuit-breakers');
    expect(stats).toEqual([
      { name: backend, state: 'open', success_count: 0, failure_count: 5, consecutive_failures: 5, open_count: 1, rejected_count: 1 },
    ]);
    expect(await send(`POST /admin/circuit-breakers/${encodeURIComponent(backend)}/reset`)).toMatchObject({
      status: 200,
      body: { status: 'ok', message: 'Circuit breaker reset to closed' },
    });
    expect((await send('GET /admin/circuit-breakers')).body[0].state).toBe('closed');
    expect((await get('/apis/acme/payments/')).status).toBe(502);
    for (const name of ['nothing', '%', '%2F..%2Fapis', '%00'])
      expect((await send(`POST /admin/circuit-breakers/${name}/reset`)).status).toBe(404);
  });

  it('answers the rest of document D in its shapes', async () => {
    const { send } = await open();

    expect((await send('GET /admin/circuit-breaker/stats')).body).toEqual({
      name: 'cp-api-breaker',
      state: 'closed',
      success_count: 0,
      failure_count: 0,
      consecutive_failures: 0,
      open_count: 0,
      rejected_count: 0,
    });
    expect((await send('POST /admin/circuit-breaker/reset')).body).toEqual({ status: 'ok', message: 'Circuit breaker reset to closed' });
    expect((await send('GET /admin/cache/stats')).body).toEqual({ hits: 0, misses: 0, entry_count: 0, hit_rate: 0 });
    expect((await send('POST /admin/cache/clear')).body).toEqual({ status: 'ok', message: 'Cache cleared' });
    expect((await send('GET /admin/sessions/stats')).body).toEqual({ active_sessions: 0, zombie_count: 0, tracked_sessions: 0 });
    expect((await send('GET /admin/mtls/config')).body).toEqual({
      enabled: false,
      require_client_cert: false,
      trusted_proxies: '[redacted]',
    });
    expect((await send('GET /admin/mtls/stats')).body).toEqual({ total_requests: 0, cert_validated: 0, cert_missing: 0, cert_invalid: 0 });
    expect((await send('GET /admin/quotas')).body).toEqual([]);
    expect((await send('GET /admin/quotas/user-123')).status).toBe(404);
    expect((await send('POST /admin/quotas/user-123/reset')).status).toBe(404);
  });
});

describe('gateway', () => {
  it('is live but not ready before it holds anything (DP1 DP2 DP3)', async () => {
    const { get } = await open();

    expect(await get('/health/live')).toMatchObject({ status: 200 });
    expect(await get('/health/ready')).toMatchObject({ status: 503, body: { status: 'not_ready', control_plane: 'none' } });
    expect(await get('/health')).toMatchObject({ status: 200, body: { status: 'ok', version: '0.1.0' } });
    expect((await get('/apis/acme/payments')).status).toBe(503);
  });

  it('is live but not ready with a damaged copy, says so and leaves the copy alone', async () => {
    const dataDir = directory();
    const first = await open({ dataDir });
    await first.stop();
    const file = join(dataDir, 'gateway-0', 'config.json');
    const damaged = sealedText({ format: 1, number: 4, store: 's', resources: [], subscriptions: [], credentials: [] }).replace(
      '"number":4',
      '"number":5',
    );
    writeFileSync(file, damaged);
    const lines: string[] = [];

    const { get, stop } = await open({ dataDir, lines });

    expect((await get('/health/ready')).status).toBe(503);
    expect((await get('/health/live')).status).toBe(200);
    await stop();
    expect(lines.join('')).toMatch(/"level":"error","event":"disk_copy_problem","reason":"[^"]*config\.json is damaged/);
    expect(readFileSync(file, 'utf8')).toBe(damaged);
  });

  it('does not start without what its admin API has registered: a damaged file is named, and left as it is', async () => {
    const dataDir = directory();
    const first = await open({ dataDir });
    await first.send('POST /admin/apis', payments(await upstream()));
    await first.stop();
    const file = join(dataDir, 'gateway-0', 'admin.json');
    const damaged = readFileSync(file, 'utf8').replace('"GET"', '"PUT"');
    writeFileSync(file, damaged);

    await expect(open({ dataDir })).rejects.toThrow(`${file}, which holds what the admin API has registered, is damaged`);

    expect(readFileSync(file, 'utf8')).toBe(damaged);
  });

  it('keeps its metrics, which name consumers, to the bearer of the metrics token where there is one', async () => {
    const { send } = await open({ env: { ...WITH_TOKEN, STOA_METRICS_TOKEN: 'metrics-token' } });
    const ask = async (authorization: string) =>
      (await send('GET /metrics', undefined, authorization === '' ? {} : { authorization })).status;

    expect(await ask('Bearer metrics-token')).toBe(200);
    for (const wrong of ['', 'Bearer', `Bearer ${TOKEN}`, 'Basic metrics-token', 'metrics-token'])
      expect([wrong, await ask(wrong)]).toEqual([wrong, 401]);
    expect((await send('GET /admin/health', undefined, { authorization: 'Bearer metrics-token' })).status).toBe(401);
  });

  it('counts what it does in metrics whose labels are configured: routes of one name are told apart by their ids, and from APIs (DP4)', async () => {
    const { send, get } = await open();
    await send('POST /admin/apis', payments(await upstream(), { auth_required: true }));
    await send('POST /admin/apis', payments(await upstream(), { id: 'open', path_prefix: '/open' }));
    await send('POST /admin/policies', { ...gold, api_id: 'open' });
    for (let n = 0; n < 3; n += 1) await get('/open/secret-path');
    await get('/apis/acme/payments/secret-path');

    const { body, headers } = await get('/metrics');

    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(body).toContain('stoa_gateway_requests_total{tenant="acme",api="admin:open",method="GET",status_class="2xx"} 2');
    expect(body).toContain('stoa_gateway_requests_total{tenant="acme",api="admin:open",method="GET",status_class="4xx"} 1');
    expect(body).toContain('stoa_gateway_rate_limit_rejections_total{tenant="acme",api="admin:open"} 1');
    expect(body).toContain('stoa_gateway_auth_failures_total{tenant="acme",api="admin:api-123",reason="missing_api_key"} 1');
    expect(body).toContain('stoa_gateway_routes{state="active"} 2');
    expect(body).toMatch(/stoa_gateway_connections [1-9]/);
    expect(body).not.toContain('secret-path');
    for (const [, name = '', type = ''] of body.matchAll(/^# TYPE (\S+) (\S+)$/gm))
      expect({ name, isCounter: name.endsWith('_total') }).toEqual({ name, isCounter: type === 'counter' });

    await send('DELETE /admin/apis/open');
    const after = (await get('/metrics')).body;
    expect(after).not.toContain('api="admin:open"');
    expect(after).toContain('{tenant="acme",api="admin:api-123",reason="missing_api_key"} 1');
  });

  it('says which port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const log = createAccessLog({ format: 'json', level: 'info', write: () => undefined, now: () => Date.now() });

    const starting = startGateway(readSettings(['--port', String(port), '--data-dir', directory()], {}), log);

    await expect(starting).rejects.toThrow(`Port ${String(port)} on 127.0.0.1 is in use.`);
  });
});
