import { describe, expect, it } from 'vitest';
import { eventually, makeRoute, startUpstream } from '../../../test/helpers/data-plane.js';
import { PAYMENTS, rpc, startMcp, toolSource } from '../../../test/helpers/mcp.js';

const initialize = (protocolVersion: string): object =>
  rpc('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'hand', version: '1' } });

describe('a session', () => {
  it('begins with initialize, and ends with DELETE; what is over is not found (DP24)', async () => {
    const gateway = await startMcp({ routes: [] });
    const session = { 'mcp-session-id': await gateway.begin() };

    const ready = await gateway.send('POST', session, { jsonrpc: '2.0', method: 'notifications/initialized' });
    const ping = await gateway.send('POST', session, rpc('ping', {}, 'p'));
    const ended = await gateway.send('DELETE', session);
    const after = await Promise.all([
      gateway.send('POST', session, rpc('ping')),
      gateway.send('GET', session),
      gateway.send('DELETE', session),
    ]);

    expect([ready.status, ping.status, await ping.json(), ended.status]).toEqual([202, 200, { jsonrpc: '2.0', id: 'p', result: {} }, 204]);
    expect(after.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it.each([
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('that asks for revision %s speaks %s', async (asked, spoken) => {
    const gateway = await startMcp({ routes: [] });

    const answer = await gateway.send('POST', {}, initialize(asked));

    expect(answer.headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]{20,}$/);
    expect(await answer.json()).toMatchObject({ result: { protocolVersion: spoken, capabilities: { tools: { listChanged: true } } } });
  });

  it('is over when it was idle too long or lives too long, and is a zombie until it is swept (DP24, AD17)', async () => {
    let now = 1_000_000;
    const gateway = await startMcp({ routes: [], now: () => now, limits: { idleMs: 60_000, ttlMs: 100_000 } });
    const [used, idle] = [{ 'mcp-session-id': await gateway.begin() }, { 'mcp-session-id': await gateway.begin() }];

    now += 50_000;
    await gateway.send('POST', used, rpc('ping'));
    now += 20_000;
    const afterIdle = [await gateway.send('POST', used, rpc('ping')), await gateway.send('POST', idle, rpc('ping'))];
    const stats = gateway.endpoint.stats();
    now += 40_000;
    const afterTtl = await gateway.send('POST', used, rpc('ping'));

    expect(afterIdle.map(({ status }) => status)).toEqual([200, 404]);
    expect(stats).toEqual({ active_sessions: 1, zombie_count: 1, tracked_sessions: 2 });
    expect([afterTtl.status, gateway.endpoint.stats().zombie_count]).toEqual([404, 2]);
  });

  it('beyond the cap of its key takes the place of one that nobody uses; one that is in use is kept (DP24)', async () => {
    const gateway = await startMcp({ routes: [], limits: { perKey: 2 } });
    const first = { 'mcp-session-id': await gateway.begin() };
    const second = { 'mcp-session-id': await gateway.begin() };
    const stream = await gateway.send('GET', { ...first, accept: 'text/event-stream' });

    const third = { 'mcp-session-id': await gateway.begin() };
    const dropped = await gateway.send('POST', second, rpc('ping'));
    const other = await gateway.send('GET', { ...third, accept: 'text/event-stream' });
    const refused = await gateway.send('POST', {}, initialize('2025-11-25'));

    expect([stream.status, dropped.status, other.status, refused.status]).toEqual([200, 404, 200, 429]);
    expect(refused.headers.get('retry-after')).toBe('10');
    expect(gateway.endpoint.stats().tracked_sessions).toBe(2);
  });

  it('ends with the gateway: its stream comes to a clean end, and nothing waits for it (DP24)', async () => {
    const gateway = await startMcp({ routes: [] });
    const session = { 'mcp-session-id': await gateway.begin() };
    const stream = await gateway.send('GET', { ...session, accept: 'text/event-stream' });

    gateway.endpoint.stop();
    const [text] = await Promise.all([stream.text(), gateway.listener.stop()]);

    expect(text).toBe(': keep-alive\n\n');
    expect(gateway.endpoint.stats().tracked_sessions).toBe(0);
  });

  it('that is not kept is not needed: single requests are answered without one (DP24)', async () => {
    const gateway = await startMcp({ routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', tools: toolSource({ methods: ['GET'] }) })] });

    const answer = await gateway.send('POST', {}, rpc('tools/list'));

    expect(await answer.json()).toMatchObject({ result: { tools: [{ name: 'payments_get' }] } });
    expect(gateway.endpoint.stats().tracked_sessions).toBe(0);
  });
});

describe('a message', () => {
  it.each([
    ['no JSON', '{', {}, 400, { error: { code: -32_700 } }],
    ['no JSON-RPC', { id: 1, method: 'ping' }, {}, 400, { error: { code: -32_600 } }],
    ['an unknown method', rpc('resources/list'), {}, 200, { error: { code: -32_601 } }],
    ['parameters that are none', rpc('tools/call', { name: 'x', arguments: [] }), {}, 200, { error: { code: -32_602 } }],
    ['a cursor that nobody gave', rpc('tools/list', { cursor: '../../etc' }), {}, 200, { error: { code: -32_602 } }],
    ['another media type', rpc('ping'), { 'content-type': 'text/plain' }, 415, { error: { code: 'unsupported_media_type' } }],
    ['a client that takes no JSON', rpc('ping'), { accept: 'text/html' }, 406, { error: { code: 'not_acceptable' } }],
    ['an unknown revision', rpc('ping'), { 'mcp-protocol-version': '2023-01-01' }, 400, { error: { code: -32_600 } }],
    ['an unknown session', rpc('ping'), { 'mcp-session-id': 'nobody' }, 404, { error: { code: 'not_found' } }],
    ['too long a body', `"${'x'.repeat(1024 * 1024)}"`, {}, 413, { error: { code: 'payload_too_large' } }],
    ['a method that is no name', { jsonrpc: '2.0', id: 1, method: '__proto__' }, {}, 200, { error: { code: -32_601 } }],
  ])('with %s is refused as the protocol says', async (_what, body, headers, status, expected) => {
    const gateway = await startMcp({ routes: [] });

    const answer = await gateway.send('POST', headers, body);

    expect([answer.status, await answer.json()]).toMatchObject([status, expected]);
  });

  it('is one of several in the first revision alone', async () => {
    const gateway = await startMcp({ routes: [] });
    const batch = [rpc('ping', {}, 1), { jsonrpc: '2.0', method: 'notifications/initialized' }, rpc('ping', {}, 2)];

    const oldest = await gateway.send('POST', { 'mcp-protocol-version': '2025-03-26' }, batch);
    const newer = await gateway.send('POST', { 'mcp-protocol-version': '2025-06-18' }, batch);
    const empty = await gateway.send('POST', {}, []);

    expect(await oldest.json()).toEqual([1, 2].map((id) => ({ jsonrpc: '2.0', id, result: {} })));
    expect([newer.status, empty.status]).toEqual([400, 400]);
  });

  it('that cancels a call ends it at the upstream', async () => {
    let isGone = false;
    const upstream = await startUpstream((req) => void req.on('close', () => (isGone = true)));
    const gateway = await startMcp({ routes: [makeRoute({ upstreamUrl: upstream.url, tools: toolSource({ openapi: PAYMENTS }) })] });
    const session = { 'mcp-session-id': await gateway.begin() };
    let isCalled = false;
    upstream.server.on('request', () => (isCalled = true));

    const call = gateway.send('POST', session, rpc('tools/call', { name: 'payments_getPayment', arguments: { id: '1' } }, 'slow'));
    await eventually(() => isCalled).toBe(true);
    await gateway.send('POST', session, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'slow' } });

    expect((await call).status).toBe(200);
    await eventually(() => isGone).toBe(true);
    await eventually(() => gateway.lines()).toContainEqual(
      expect.objectContaining({ path: '/apis/acme/payments/payments/1', status: 499 }),
    );
  });
});

describe('a page in a browser', () => {
  it.each([
    ['of a foreign origin', 'https://evil.example', {}, 403],
    ['that reached the gateway by a name of its own (DNS rebinding)', 'http://rebound.example', { allowLocal: true }, 403],
    ['of no origin', 'null', { allowLocal: true }, 403],
    ['of this machine', 'http://localhost:6274', { allowLocal: true }, 200],
    ['of an origin that is named', 'https://app.example.com', { origins: ['https://app.example.com'] }, 200],
  ])('%s is let in only when the operator says so', async (_what, origin, origins, status) => {
    const gateway = await startMcp({ routes: [], origins });

    const answer = await gateway.send('POST', { origin }, initialize('2025-11-25'));

    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe(status === 200 ? origin : null);
  });

  it('asks before it sends a key, and may read the session', async () => {
    const gateway = await startMcp({ routes: [], origins: { origins: ['https://app.example.com'] } });

    const preflight = await fetch(gateway.address, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });
    const answer = await gateway.send('POST', { origin: 'https://app.example.com' }, initialize('2025-11-25'));

    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('X-API-Key');
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST, GET, DELETE, OPTIONS');
    expect(answer.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id');
  });
});

describe('an endpoint that keeps no sessions, as that of workers', () => {
  it('is spoken with by a client that begins one, and tells it that there is nothing to listen to or to end (DP24)', async () => {
    const { url } = await startUpstream((_req, res) => res.setHeader('content-type', 'application/json').end('{"id":"17"}'));
    const routes = [makeRoute({ upstreamUrl: url, tools: toolSource({ openapi: PAYMENTS }) })];
    const gateway = await startMcp({ routes, limits: 'sessionless' });

    const client = await gateway.client();
    const { tools } = await client.listTools();
    const called = await client.callTool({ name: 'payments_getPayment', arguments: { id: '17' } });
    const begun = await gateway.send('POST', {}, initialize('2025-11-25'));
    const others = await Promise.all([
      gateway.send('GET', { accept: 'text/event-stream' }),
      gateway.send('DELETE', { 'mcp-session-id': 'of-another-gateway' }),
      gateway.send('POST', { 'mcp-session-id': 'of-another-gateway' }, rpc('ping')),
      gateway.send('GET', { accept: 'text/event-stream' }, undefined, '/sse'),
    ]);

    expect(tools.map(({ name }) => name)).toContain('payments_getPayment');
    expect(called).toMatchObject({ structuredContent: { id: '17' } });
    expect([begun.status, begun.headers.get('mcp-session-id')]).toEqual([200, null]);
    expect(await begun.json()).toMatchObject({ result: { capabilities: { tools: {} } } });
    expect(others.map(({ status, headers }) => [status, headers.get('allow')])).toEqual([
      [405, 'POST, OPTIONS'],
      [405, 'POST, OPTIONS'],
      [404, null],
      [404, null],
    ]);
    expect(gateway.endpoint.stats()).toEqual({ active_sessions: 0, zombie_count: 0, tracked_sessions: 0 });
  });
});

describe('the endpoint', () => {
  it('knows its paths and their methods', async () => {
    const gateway = await startMcp({ routes: [] });

    const answers = await Promise.all([
      gateway.send('PUT'),
      gateway.send('POST', {}, rpc('ping'), '/sse'),
      gateway.send('GET', {}, undefined, '/other'),
      gateway.send('GET', { accept: 'text/event-stream' }),
      gateway.send('POST', {}, rpc('ping'), '/messages?sessionId=nobody'),
    ]);

    expect(answers.map(({ status, headers }) => [status, headers.get('allow')])).toEqual([
      [405, 'POST, GET, DELETE, OPTIONS'],
      [405, 'GET, OPTIONS'],
      [404, null],
      [400, null],
      [404, null],
    ]);
  });

  it('lists long tools on short pages', async () => {
    const schema = { type: 'object', properties: { text: { default: 'x'.repeat(8000) } } };
    const item = { post: { requestBody: { content: { 'application/json': { schema } } } } };
    const paths = Object.fromEntries(Array.from({ length: 60 }, (_each, index) => [`/p${index}`, item]));
    const gateway = await startMcp({
      routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', tools: toolSource({ openapi: { openapi: '3.0.3', paths } }) })],
    });

    const answer = await (await gateway.send('POST', {}, rpc('tools/list'))).text();

    expect(answer.length).toBeGreaterThan(200_000);
    expect(answer.length).toBeLessThan(350_000);
    expect(JSON.parse(answer)).toMatchObject({ result: { nextCursor: expect.any(String) as string } });
  });

  it('lists many tools in pages, each once (DP24)', async () => {
    const paths = Object.fromEntries(Array.from({ length: 130 }, (_each, index) => [`/p${index}`, { get: { operationId: `op${index}` } }]));
    const gateway = await startMcp({
      routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', tools: toolSource({ openapi: { openapi: '3.0.3', paths } }) })],
    });

    const all = new Set<string>();
    let cursor: string | undefined;
    let pages = 0;
    do {
      const answer = (await (await gateway.send('POST', {}, rpc('tools/list', cursor === undefined ? {} : { cursor }))).json()) as {
        result: { tools: { name: string }[]; nextCursor?: string };
      };
      for (const { name } of answer.result.tools) all.add(name);
      cursor = answer.result.nextCursor;
      pages += 1;
    } while (cursor !== undefined);

    expect([pages, all.size]).toEqual([2, 130]);
  });
});
