import { Agent, request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  eventually,
  KEY,
  makeCredential,
  makeRoute,
  makeUpstream,
  startUpstream,
  type RouteDraft,
} from '../../../test/helpers/data-plane.js';
import { PAYMENTS, rpc, startMcp, toolSource, type McpGateway } from '../../../test/helpers/mcp.js';
import type { Credential } from '../snapshot.js';
import { createSessionTable } from './sessions.js';

const TOOLS = toolSource({ openapi: PAYMENTS });
const start = (upstreamUrl: string, draft: Partial<RouteDraft> = {}): Promise<McpGateway> =>
  startMcp({ routes: [makeRoute({ upstreamUrl, tools: TOOLS, ...draft })] });
const getPayment = (id: string | number, payment = '1'): object =>
  rpc('tools/call', { name: 'payments_getPayment', arguments: { id: payment } }, id);

/** An upstream that answers when it is told to. */
async function patientUpstream() {
  const waiting: (() => void)[] = [];
  const left: string[] = [];
  const upstream = await startUpstream((req, res) => {
    waiting.push(() => res.setHeader('content-type', 'application/json').end('{"at":1}'));
    req.on('close', () => res.writableEnded || left.push(req.url ?? ''));
  });
  return { url: upstream.url, waiting, left };
}

/** Opens a stream of the older transport by hand: where its messages go, and what comes over it. */
async function openOlder(gateway: McpGateway) {
  const leaving = new AbortController();
  const answer = await fetch(`${gateway.address}/sse`, { headers: { 'x-api-key': KEY }, signal: leaving.signal });
  let text = '';
  const read = (async () => {
    for await (const chunk of answer.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
  })().catch(() => undefined);
  await eventually(() => text).toContain('sessionId=');
  const path = /data: \/mcp(\S+)/.exec(text)?.[1] ?? '';
  return { text: () => text, read, leave: () => leaving.abort(), say: (body: object) => gateway.send('POST', {}, body, path) };
}

describe('what one caller may have under way', () => {
  it('is ten calls in a session and 32 requests of a key; more are told to come again, and nothing is lost for later ones', async () => {
    const upstream = await patientUpstream();
    const gateway = await start(upstream.url);
    const session = { 'mcp-session-id': await gateway.begin() };

    const inSession = Array.from({ length: 11 }, async (_each, id) => (await gateway.send('POST', session, getPayment(id))).json());
    await eventually(() => upstream.waiting.length).toBe(10);
    const more = Array.from({ length: 23 }, async (_each, id) => (await gateway.send('POST', {}, getPayment(id))).json());
    await eventually(() => upstream.waiting.length).toBe(32);
    const ping = await gateway.send('POST', {}, rpc('ping'));
    for (const answer of upstream.waiting.splice(0)) answer();
    const answers = await Promise.all([...inSession, ...more]);

    expect(answers.filter((answer) => JSON.stringify(answer).includes('-32000'))).toHaveLength(2);
    expect(ping.status).toBe(200);
    const later = gateway.send('POST', {}, getPayment(1));
    await eventually(() => upstream.waiting.length).toBe(1);
    upstream.waiting[0]?.();
    expect(await (await later).json()).toMatchObject({ result: { isError: false } });
  });

  it('has one call by one id: the second is refused, and the first can still be cancelled', async () => {
    const upstream = await patientUpstream();
    const gateway = await start(upstream.url);
    const session = { 'mcp-session-id': await gateway.begin() };

    const first = gateway.send('POST', session, getPayment('same', 'one'));
    await eventually(() => upstream.waiting.length).toBe(1);
    const second = await gateway.send('POST', session, getPayment('same', 'two'));
    await gateway.send('POST', session, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'same' } });

    expect(await second.json()).toMatchObject({ error: { code: -32_600 } });
    expect((await first).status).toBe(200);
    await eventually(() => upstream.left).toEqual(['/payments/one']);
  });

  it('is refused before it is read while there is too much to do', async () => {
    const gateway = await startMcp({ routes: [], refuses: () => true });

    expect((await gateway.send('POST', {}, rpc('tools/list'))).status).toBe(503);
  });

  it('of several messages in one there are ten at most', async () => {
    const gateway = await startMcp({ routes: [] });
    const batch = (count: number): object[] => Array.from({ length: count }, (_each, id) => rpc('ping', {}, id));

    const answers = [await gateway.send('POST', {}, batch(10)), await gateway.send('POST', {}, batch(11))];

    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });
});

describe('a batch', () => {
  it('is answered up to the size of one long answer; what comes after that is not done', async () => {
    const description = 'x'.repeat(4000);
    const paths = Object.fromEntries(Array.from({ length: 100 }, (_each, at) => [`/${at}`, { get: { description } }]));
    const gateway = await start('http://127.0.0.1:9', { tools: toolSource({ openapi: { openapi: '3.1.0', paths } }) });

    const batch = Array.from({ length: 10 }, (_each, id) => rpc('tools/list', {}, id));
    const text = await (await gateway.send('POST', {}, batch)).text();

    const answers = JSON.parse(text) as { readonly id: number; readonly error?: { readonly code: number } }[];
    expect(answers.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([answers[0]?.error, answers[9]?.error?.code]).toEqual([undefined, -32_000]);
    expect(text.length).toBeLessThan(1.5 * 1024 * 1024);
  });
});

describe('a stream of the older transport', () => {
  it('that its client leaves ends its calls and its session', async () => {
    const upstream = await patientUpstream();
    const gateway = await start(upstream.url);
    const client = await openOlder(gateway);

    await client.say(getPayment(1));
    await eventually(() => upstream.waiting.length).toBe(1);
    client.leave();

    await eventually(() => upstream.left).toHaveLength(1);
    await eventually(() => gateway.endpoint.stats().tracked_sessions).toBe(0);
  });

  it('carries several long answers at once to a client that reads', async () => {
    const upstream = await startUpstream((_req, res) => res.setHeader('content-type', 'text/plain').end('x'.repeat(1_000_000)));
    const gateway = await start(upstream.url);
    const client = await openOlder(gateway);

    await Promise.all(Array.from({ length: 8 }, (_each, id) => client.say(getPayment(id))));

    await eventually(() => client.text().length).toBeGreaterThan(8_000_000);
  });

  it('tells an answer that is nested too deep as text, and its client does not wait for ever', async () => {
    const deep = `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
    const upstream = await startUpstream((_req, res) => res.setHeader('content-type', 'application/json').end(deep));
    const gateway = await start(upstream.url);
    const client = await openOlder(gateway);

    await client.say(getPayment(1));

    await eventually(() => client.text()).toContain('"result"');
    expect(client.text()).not.toContain('structuredContent');
  });
});

describe('a gateway that stops', () => {
  it('finishes the call of a session before it does, and answers over the stream of the older transport too', async () => {
    const upstream = await patientUpstream();
    const gateway = await start(upstream.url);
    const session = { 'mcp-session-id': await gateway.begin() };
    const older = await openOlder(gateway);
    const call = gateway.send('POST', session, getPayment('slow'));
    await older.say(getPayment('slower'));
    await eventually(() => upstream.waiting.length).toBe(2);

    gateway.endpoint.stop();
    const stopped = gateway.listener.stop();
    for (const answer of upstream.waiting) answer();

    expect(await (await call).json()).toMatchObject({ result: { isError: false } });
    await older.read;
    expect(older.text()).toContain('"result"');
    await stopped;
  });

  it('begins no session and no stream any more, also on connections that are kept', async () => {
    const gateway = await startMcp({ routes: [] });
    const session = { 'mcp-session-id': await gateway.begin() };
    const asks = [kept(gateway), kept(gateway), kept(gateway)] as const;
    for (const ask of asks) await ask('POST', '', rpc('ping'));

    gateway.endpoint.stop();
    const stopped = gateway.listener.stop();
    const statuses = await Promise.all([
      asks[0]('POST', '', rpc('initialize', { protocolVersion: '2025-06-18' })),
      asks[1]('GET', '/sse'),
      asks[2]('POST', '', rpc('ping'), session),
    ]);

    expect(statuses).toEqual([503, 503, 404]);
    await stopped;
  });
});

/** Asks again and again over one connection of its own: the status. */
function kept(gateway: McpGateway) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return (method: string, path: string, body?: object, more: Readonly<Record<string, string>> = {}): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { 'x-api-key': KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more };
      request(gateway.address + path, { method, agent, headers }, (res) => res.resume().on('end', () => resolve(res.statusCode)))
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
}

describe('a key of one tenant', () => {
  const caller = (): Credential => makeCredential();
  const open = (table: ReturnType<typeof createSessionTable>, keyId: string, tenant: string) =>
    table.open({ keyId, tenant, version: '2025-06-18', transport: 'http', caller });

  it('cannot take the sessions of all: a tenant has its share, and who has most makes room', () => {
    let now = 0;
    const limits = { perKey: 100, ttlMs: 1e9, idleMs: 1e9 };
    const table = createSessionTable(limits, () => (now += 1), { all: 10, perTenant: 6 });

    const many = Array.from({ length: 9 }, (_each, at) => open(table, `key-${at}`, 'greedy'));
    const others = Array.from({ length: 5 }, (_each, at) => open(table, `other-${at}`, `tenant-${at}`));

    expect([...many, ...others].every((session) => session !== undefined)).toBe(true);
    expect(others.map((session) => table.use(session?.id ?? '', session?.keyId ?? ''))).toEqual(others);
    expect(table.stats().tracked_sessions).toBe(10);
    expect(table.use(many[3]?.id ?? '', 'key-3')).toBeUndefined();
  });
});

describe('a call', () => {
  const problemOf = async (gateway: McpGateway, name: unknown, given: object): Promise<string> => {
    const answer = await gateway.send('POST', {}, rpc('tools/call', { name, arguments: given }));
    return answer.text();
  };

  it('whose arguments cannot be sent says why, and no line speaks of a fault', async () => {
    const headers = Array.from({ length: 70 }, (_each, at) => ({ name: `X-A${at}`, in: 'header' }));
    const paths = { '/wide': { get: { operationId: 'wide', parameters: [...headers, { name: 'q', in: 'query' }] } } };
    const post = { '/p': { post: { operationId: 'add', requestBody: { content: { 'application/json': {} } } } } };
    const tools = toolSource({ openapi: { openapi: '3.1.0', paths: { ...paths, ...post } } });
    const gateway = await start('http://127.0.0.1:1', { tools });
    let deep: unknown = 1;
    for (let at = 0; at < 3000; at += 1) deep = [deep];

    const problems = [
      await problemOf(gateway, { toString: 1 }, {}),
      await problemOf(gateway, 'payments_add', { body: deep }),
      await problemOf(gateway, 'payments_wide', Object.fromEntries(headers.map(({ name }) => [name, 'x']))),
      await problemOf(gateway, 'payments_wide', { q: 'x'.repeat(40_000) }),
    ];

    expect(problems).toEqual([
      expect.stringContaining('The name of a tool is a text'),
      expect.stringContaining('nested deeper than 64 levels'),
      expect.stringContaining('At most 64 arguments'),
      expect.stringContaining('at most 32768 are sent'),
    ]);
    expect(gateway.lines().filter(({ event }) => String(event).startsWith('PANIC'))).toEqual([]);
  });

  it('stays at the API whose tool it is, also where another one is served below its address', async () => {
    const upstream = await startUpstream((_req, res) => res.end('admin'));
    const own = makeRoute({ upstreamUrl: upstream.url, tools: toolSource({ methods: ['GET'] }) });
    const other = { ...makeRoute({ upstreamUrl: upstream.url, prefix: '/apis/acme/payments/admin' }), id: 'api-2', api: 'admin' };
    const gateway = await startMcp({ routes: [other, own] });

    const refused = await problemOf(gateway, 'payments_get', { path: '/admin/users' });
    const taken = await problemOf(gateway, 'payments_get', { path: '/users' });

    expect(refused).toContain('where another API is served');
    expect(taken).toContain('admin');
  });

  it('with another header is answered anew where answers are kept (DP25)', async () => {
    let asked = 0;
    const upstream = await startUpstream((req, res) => {
      asked += 1;
      res.setHeader('content-type', 'application/json').end(JSON.stringify({ region: req.headers['x-region'] }));
    });
    const tools = toolSource({ openapi: PAYMENTS, mcp: { cache_ttl_secs: 60 } });
    const gateway = await startMcp({ routes: [makeRoute({ upstreamUrl: upstream.url, upstream: makeUpstream(upstream.url), tools })] });

    const regions: string[] = [];
    for (const region of ['eu', 'us', 'eu']) regions.push(await problemOf(gateway, 'payments_listPayments', { 'X-Region': region }));

    expect(regions.map((text) => /"region":"(\w+)"/.exec(text)?.[1])).toEqual(['eu', 'us', 'eu']);
    expect(asked).toBe(2);
  });
});
