import { describe, expect, it, vi } from 'vitest';
import { eventually, holdTime, KEY, makeCredential, makeRoute, startUpstream } from '../../../test/helpers/data-plane.js';
import { PAYMENTS, rpc, startMcp, toolSource } from '../../../test/helpers/mcp.js';
import { errorReply } from '../own-routes.js';
import type { Hooks } from '../../policies/contract.js';
import type { Credential, Route } from '../snapshot.js';

/** An API with its document, and what its upstream was asked. */
async function payments(draft: Partial<Parameters<typeof makeRoute>[0]> = {}) {
  const received: {
    readonly url: string | undefined;
    readonly method: string | undefined;
    readonly body: string;
    readonly headers: unknown;
  }[] = [];
  const upstream = await startUpstream((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      received.push({ url: req.url, method: req.method, body, headers: req.headers });
      res.setHeader('content-type', 'application/json').end(JSON.stringify({ url: req.url, at: received.length }));
    });
  });
  const route = makeRoute({ upstreamUrl: upstream.url, tools: toolSource({ openapi: PAYMENTS }), ...draft });
  return { route, received };
}

/** Lets this many requests through, from wherever they come. */
function onlySo(many: number): Hooks {
  let left = many;
  return { request: () => ((left -= 1) < 0 ? errorReply('rate_limited', undefined, ['Retry-After', '7']) : undefined) };
}

const named = (route: Route, changes: Partial<Route>): Route => ({ ...route, ...changes });
const textIn = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? '';

describe('an MCP client', () => {
  it('finds the operations of the API as tools, with what they take and what they do (DP24)', async () => {
    const { route } = await payments();
    const client = await (await startMcp({ routes: [route] })).client();

    const { tools } = await client.listTools();

    expect(tools.map(({ name, annotations }) => [name, annotations?.readOnlyHint, annotations?.destructiveHint])).toEqual([
      ['payments_cancelPayment', false, true],
      ['payments_createPayment', false, undefined],
      ['payments_getPayment', true, undefined],
      ['payments_listPayments', true, undefined],
    ]);
    expect(tools[2]).toMatchObject({ title: 'One payment', inputSchema: { required: ['id'], properties: { id: { type: 'string' } } } });
  });

  it('calls one, and is given the answer of the upstream as text and as a structure (DP24)', async () => {
    const { route, received } = await payments();
    const client = await (await startMcp({ routes: [route] })).client();

    const read = await client.callTool({ name: 'payments_listPayments', arguments: { status: ['open', 'a&b=c'], 'X-Region': 'eu' } });
    await client.callTool({ name: 'payments_createPayment', arguments: { body: { amount: 17 } } });

    expect(read).toMatchObject({ isError: false, structuredContent: { url: '/payments?status=open&status=a%26b%3Dc' } });
    expect(JSON.parse(textIn(read))).toEqual(read.structuredContent);
    expect(received[0]?.headers).toMatchObject({ 'x-region': 'eu', 'x-consumer-id': 'con-1', 'x-tenant-id': 'acme' });
    expect(received[0]?.headers).not.toHaveProperty('x-api-key');
    expect(received[1]).toMatchObject({ method: 'POST', url: '/payments', body: '{"amount":17}' });
  });

  it('is counted with plain requests: the same limits hold for both, and the refusal says when to come back (DP24)', async () => {
    const { route } = await payments({ hooks: [onlySo(2)] });
    const gateway = await startMcp({ routes: [route] });
    const client = await gateway.client();

    const plain = await fetch(`${gateway.url}/payments`, { headers: { 'x-api-key': KEY } });
    const first = await client.callTool({ name: 'payments_listPayments' });
    const second = await client.callTool({ name: 'payments_listPayments' });

    expect([plain.status, first.isError, second.isError]).toEqual([200, false, true]);
    expect(textIn(second)).toMatch(/^HTTP 429 Too Many Requests\. Retry after 7 seconds\.\n\{"error":\{"code":"rate_limited"/);
  });

  it('leaves a line of its own for each call in the log, under the id of its request (DP24)', async () => {
    const { route } = await payments();
    const gateway = await startMcp({ routes: [route] });

    await gateway.send('POST', { 'x-request-id': 'agent-7' }, rpc('tools/call', { name: 'payments_getPayment', arguments: { id: '17' } }));

    await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toMatchObject([
      {
        consumer: 'My Consumer',
        path: '/apis/acme/payments/payments/17',
        status: 200,
        method: 'GET',
        api: 'payments',
        request_id: 'agent-7',
      },
      { consumer: 'My Consumer', path: '/mcp', status: 200, method: 'POST', request_id: 'agent-7' },
    ]);
  });

  it('is told in a result, not an error, what is wrong with arguments, and an unknown tool as an error', async () => {
    const { route, received } = await payments();
    const client = await (await startMcp({ routes: [route] })).client();

    const missing = await client.callTool({ name: 'payments_getPayment' });
    const unknown = await client.callTool({ name: 'payments_getPayment', arguments: { id: '1', admin: true } });

    expect([missing, unknown].map((result) => [result.isError, textIn(result)])).toEqual([
      [true, 'The argument "id" is missing.'],
      [true, 'There is no argument "admin". Arguments: id.'],
    ]);
    await expect(client.callTool({ name: 'nothing' })).rejects.toThrow('Unknown tool: nothing');
    expect(received).toEqual([]);
  });

  it('sees the API of its key and what the tenant has opened to everybody, and no other tenant (DP24)', async () => {
    const { route } = await payments();
    const closed = named(route, { id: 'api-2', api: 'ledger', prefixes: ['/apis/acme/ledger'] });
    const open = named(route, {
      id: 'api-3',
      api: 'rates',
      prefixes: ['/apis/acme/rates'],
      authRequired: false,
      tools: toolSource({ methods: ['GET'] }),
    });
    const foreign = named(route, { id: 'api-4', tenant: 'globex', prefixes: ['/apis/globex/payments'] });
    const foreignOpen = named(foreign, { id: 'api-5', api: 'rates', authRequired: false });
    const gateway = await startMcp({ routes: [foreign, foreignOpen, closed, open, route] });
    const client = await gateway.client();

    const { tools } = await client.listTools();

    expect([...new Set(tools.map(({ name }) => name.split('_')[0]))]).toEqual(['payments', 'rates']);
    expect(tools.filter(({ name }) => name.startsWith('rates'))).toHaveLength(1);
    await expect(client.callTool({ name: 'ledger_getPayment', arguments: { id: '1' } })).rejects.toThrow('Unknown tool');
  });

  it('is offered what the API says, and nothing of one that is turned off, inactive or without an address (DP24)', async () => {
    const { route } = await payments();
    const of = (mcp: object): Route => named(route, { tools: toolSource({ openapi: PAYMENTS, mcp }) });
    const gateway = await startMcp({ routes: [of({ operations: ['getPayment', 'GET /payments'] })] });
    const client = await gateway.client();
    const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);

    const some = await names();
    const none: string[][] = [];
    for (const other of [of({ enabled: false }), named(route, { state: 'inactive' }), named(route, { prefixes: [] })]) {
      gateway.swap([other]);
      none.push(await names());
    }

    expect(some).toEqual(['payments_getPayment', 'payments_listPayments']);
    expect(none).toEqual([[], [], []]);
  });

  it('is told when its tools are other ones than before, and not of other changes', async () => {
    const { route } = await payments();
    const gateway = await startMcp({ routes: [route] });
    const client = await gateway.client();
    let told = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => void (told += 1));
    await client.listTools();
    await eventually(() => gateway.endpoint.stats().active_sessions).toBe(1);

    holdTime('setTimeout', 'clearTimeout');
    gateway.swap([named(route, { authRequired: false }), named(route, { id: 'api-9', tenant: 'globex' })]);
    vi.advanceTimersByTime(1000);
    // What it was told of by then is there before the answer to a call.
    await client.listTools();
    const before = told;
    gateway.swap([named(route, { tools: toolSource({ methods: ['GET'] }) })]);
    vi.advanceTimersByTime(1000);

    await eventually(() => told).toBe(1);
    expect(before).toBe(0);
  });

  it('works over the older transport as well, until its stream ends (DP24)', async () => {
    const { route } = await payments();
    const gateway = await startMcp({ routes: [route] });
    const client = await gateway.sseClient();

    const { tools } = await client.listTools();
    const result = await client.callTool({ name: 'payments_getPayment', arguments: { id: '17' } });
    const during = gateway.endpoint.stats();
    await client.close();

    expect([tools.length, result.isError]).toEqual([4, false]);
    expect(during).toEqual({ active_sessions: 1, zombie_count: 0, tracked_sessions: 1 });
    await eventually(() => gateway.endpoint.stats()).toEqual({ active_sessions: 0, zombie_count: 0, tracked_sessions: 0 });
  });
});

describe('a key', () => {
  const refused = [
    ['none', {}, 'missing_api_key'],
    ['unknown', { 'x-api-key': `stoa_sk_${'0'.repeat(32)}` }, 'invalid_api_key'],
    ['revoked', { 'x-api-key': 'stoa_sk_revoked' }, 'revoked_api_key'],
    ['suspended', { authorization: 'Bearer stoa_sk_suspended' }, 'subscription_not_active'],
  ] as const;

  it.each(refused)('that is %s opens no session, and the log has the reason (DP24)', async (_what, given, reason) => {
    const keys = new Map<string, Credential>([
      ['stoa_sk_revoked', makeCredential({ keyStatus: 'revoked' })],
      ['stoa_sk_suspended', makeCredential({ subscriptionActive: false })],
    ]);
    const gateway = await startMcp({ routes: [], keys });

    const answer = await fetch(gateway.address, { method: 'POST', headers: { 'content-type': 'application/json', ...given }, body: '{}' });

    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { code: 'unauthorized' } }]);
    expect(gateway.lines()).toContainEqual(expect.objectContaining({ event: 'auth_failed', path: '/mcp', reason }));
  });

  it('that is bound to a client certificate opens nothing without it; the event and the line of the request say so (DP24)', async () => {
    const { route } = await payments();
    const keys = new Map([[KEY, makeCredential({ certificates: new Set(['ab'.repeat(32)]) })]]);
    const gateway = await startMcp({ routes: [route], keys });

    const answer = await gateway.send('POST', {}, rpc('tools/list'));

    expect(answer.status).toBe(403);
    expect(gateway.events).toMatchObject([{ type: 'auth_failed', reason: 'missing_client_certificate', route: { api: 'payments' } }]);
    await eventually(() => gateway.lines()).toContainEqual(
      expect.objectContaining({ event: 'request completed', reason: 'missing_client_certificate', key: 'key-1' }),
    );
  });

  it('keeps the Authorization of its application for its own API', async () => {
    const own = await payments();
    const open = await payments({ authRequired: false });
    const rates = named(open.route, { id: 'api-2', api: 'rates', prefixes: ['/apis/acme/rates'], tools: toolSource({ methods: ['GET'] }) });
    const gateway = await startMcp({ routes: [own.route, rates] });
    const headers = { authorization: 'Bearer of-the-application' };

    await gateway.send('POST', headers, rpc('tools/call', { name: 'payments_listPayments' }));
    await gateway.send('POST', headers, rpc('tools/call', { name: 'rates_get' }));

    expect(own.received[0]?.headers).toMatchObject(headers);
    expect(open.received[0]?.headers).not.toHaveProperty('authorization');
  });

  it('that is revoked opens nothing any more, and its streams end (DP24)', async () => {
    const { route } = await payments();
    const keys = new Map([[KEY, makeCredential()]]);
    const gateway = await startMcp({ routes: [route], keys });
    const session = await gateway.begin();
    const stream = await gateway.send('GET', { accept: 'text/event-stream', 'mcp-session-id': session });
    const text = stream.text();

    keys.set(KEY, makeCredential({ keyStatus: 'revoked' }));
    gateway.endpoint.changed();
    const answer = await gateway.send('POST', { 'mcp-session-id': session }, rpc('tools/list'));

    expect(await text).toBe(': keep-alive\n\n');
    expect([answer.status, gateway.endpoint.stats().tracked_sessions]).toEqual([401, 0]);
  });

  it('cannot use the session of another one (DP24)', async () => {
    const keys = new Map([
      [KEY, makeCredential()],
      ['stoa_sk_other', makeCredential({ keyId: 'key-2' })],
    ]);
    const gateway = await startMcp({ routes: [], keys });
    const session = await gateway.begin();

    const own = await gateway.send('POST', { 'mcp-session-id': session }, rpc('ping'));
    const other = await gateway.send('POST', { 'mcp-session-id': session, 'x-api-key': 'stoa_sk_other' }, rpc('ping'));

    expect([own.status, other.status]).toEqual([200, 404]);
  });
});
