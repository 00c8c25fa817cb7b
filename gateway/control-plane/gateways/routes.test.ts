import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GATEWAY_TOKEN } from '../../../test/helpers/control-plane.js';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import type { SyncMessage } from '../../../schema/sync.js';

let server: TestServer;
let origin: string;
const open: IncomingMessage[] = [];

beforeEach(async () => {
  server = await openServer();
  origin = await server.plane.app.listen({ host: '127.0.0.1', port: 0 });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy();
  await server.close();
});

interface Follower {
  readonly response: IncomingMessage;
  next(): Promise<SyncMessage>;
  /** Up to the message of this type. */
  until<Type extends SyncMessage['type']>(type: Type): Promise<Extract<SyncMessage, { type: Type }>>;
}

async function connect(query = '', token = GATEWAY_TOKEN): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(`${origin}/v1/gateways/stream${query}`, { headers: { authorization: `Bearer ${token}` } }, resolve);
    call.once('error', reject).end();
  });
  response.on('error', () => undefined);
  open.push(response);
  return response;
}

async function follow(query = '', token = GATEWAY_TOKEN): Promise<Follower> {
  const response = await connect(query, token);
  expect(response.statusCode).toBe(200);
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('The stream has ended.');
    return JSON.parse(value) as SyncMessage;
  };
  const until: Follower['until'] = async (type) => {
    for (;;) {
      const message = await next();
      if (isOfType(message, type)) return message;
    }
  };
  return { response, next, until };
}

const isOfType = <Type extends SyncMessage['type']>(message: SyncMessage, type: Type): message is Extract<SyncMessage, { type: Type }> =>
  message.type === type;

const addApi = (name: string) =>
  server.ok('POST', '/v1/tenants/acme/apis', { name, path: `/${name}`, upstream_url: 'https://up.example.com' });

test('a gateway gets a copy, then follows every change', async () => {
  const gateway = await follow();
  expect(gateway.response.headers['content-type']).toBe('application/x-ndjson');
  expect((await gateway.next()).type).toBe('begin');
  const end = await gateway.until('end');
  await gateway.until('ping');

  await addApi('payments');

  const change = await gateway.until('change');
  expect(change).toMatchObject({ put: { resources: [{ kind: 'API', tenant: 'acme', name: 'payments' }] }, remove: { resources: [] } });
  expect(change.number).toBeGreaterThan(end.number);
});

test('a gateway that comes back goes on from its number', async () => {
  const first = await follow();
  const end = await first.until('end');
  first.response.destroy();
  await addApi('payments');

  const again = await follow(`?since=${end.number}&store=${end.store}`);

  expect(await again.next()).toMatchObject({ type: 'change', put: { resources: [{ name: 'payments' }] } });
});

test.each([
  ['nothing', () => ''],
  ['a number of another database', (end: { number: number }) => `?since=${end.number}&store=other`],
  ['a number without a database', (end: { number: number }) => `?since=${end.number}`],
  ['a number that lies ahead', (end: { number: number; store: string }) => `?since=${end.number + 5}&store=${end.store}`],
  ['zero', (end: { store: string }) => `?since=0&store=${end.store}`],
])('a gateway that holds %s gets a full copy', async (_name, query) => {
  const end = await (await follow()).until('end');

  const gateway = await follow(query(end));

  expect((await gateway.next()).type).toBe('begin');
});

test('many gateways hear of a revoked key within a second of the answer', async () => {
  const api = await addApi('payments');
  const { id } = await server.ok('POST', '/v1/subscriptions', { api_id: api.id });
  const gateways = await Promise.all(Array.from({ length: 25 }, () => follow()));
  await Promise.all(gateways.map((gateway) => gateway.until('ping')));

  await server.ok('POST', `/v1/subscriptions/${id}/revoke`);
  const answered = performance.now();
  const changes = await Promise.all(gateways.map((gateway) => gateway.until('change')));

  expect(performance.now() - answered).toBeLessThan(1000);
  for (const change of changes)
    expect(change).toMatchObject({ put: { subscriptions: [{ id, status: 'revoked' }], credentials: [{ status: 'revoked' }] } });
});

test('an apply of many resources is one change', async () => {
  const gateway = await follow();
  await gateway.until('ping');
  const resources = Array.from({ length: 30 }, (_value, index) => ({
    kind: 'API',
    tenant: 'acme',
    name: `api-${index}`,
    labels: {},
    annotations: {},
    spec: { path: `/api-${index}`, upstream_url: 'https://up.example.com' },
  }));

  await server.ok('POST', '/v1/apply', { project: 'shop', resources });

  const change = await gateway.until('change');
  expect(change.put.resources).toHaveLength(30);
});

test('a gateway that reads slowly holds nobody up, and gets what it was late for merged', async () => {
  const slow = await follow();
  await slow.until('ping');
  slow.response.pause();
  const quick = await follow();
  await quick.until('ping');
  const writes = 40;

  for (let index = 0; index < writes; index += 1) {
    await server.ok('POST', '/v1/tenants/acme/consumers', { name: `app-${index}`, consumer_metadata: { text: 'x'.repeat(500_000) } });
    await quick.until('change');
  }

  slow.response.resume();
  let seen = 0;
  let messages = 0;
  for (; seen < writes; messages += 1) seen += (await slow.until('change')).put.resources.length;
  expect(seen).toBe(writes);
  expect(messages).toBeLessThan(writes);
});

test.each([
  ['no token of ours', 'wrong', 401],
  ['a gateway token with something behind it', `${GATEWAY_TOKEN}x`, 401],
])('a stranger with %s is answered %s', async (_name, token, status) => {
  expect((await connect('', token)).statusCode).toBe(status);
});

test('an administrator of the platform may follow, one of a tenant may not', async () => {
  expect((await connect('', await server.token('tenant:acme'))).statusCode).toBe(403);
  expect((await (await follow('', await server.token(''))).next()).type).toBe('begin');
});

test("the gateways' token opens nothing else", async () => {
  expect((await server.call('GET', '/v1/tenants', undefined, { token: GATEWAY_TOKEN })).status).toBe(403);
  expect((await server.call('GET', '/v1/subscriptions', undefined, { token: GATEWAY_TOKEN })).status).toBe(403);
});

test.each(['since=-1', 'since=x', 'since=1.5', 'since=99999999999999999999'])('refuses ?%s', async (query) => {
  expect((await connect(`?${query}`)).statusCode).toBe(400);
});

test('a gateway that reads no further does not hold up the stop', async () => {
  const spec = (index: number) => ({ path: `/${index}`, upstream_url: 'https://up.example.com', description: 'x'.repeat(10_000) });
  const resources = Array.from({ length: 1000 }, (_, index) => ({ kind: 'API', tenant: 'acme', name: `api-${index}`, spec: spec(index) }));
  await server.ok('POST', '/v1/apply', { project: 'large', resources });
  const socket = connectTcp(Number(new URL(origin).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`GET /v1/gateways/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${GATEWAY_TOKEN}\r\n\r\n`);
  await once(socket, 'readable');
  let isStopped = false;

  void server.plane.app.close().then(() => (isStopped = true));

  await expect.poll(() => isStopped, { timeout: 5000 }).toBe(true);
  socket.destroy();
});

test('streams end when the server stops, and do not hold it up', async () => {
  const gateway = await follow();
  await gateway.until('ping');
  const ended = new Promise((resolve) => gateway.response.once('close', resolve));

  const started = performance.now();
  await server.plane.app.close();
  await ended;

  expect(performance.now() - started).toBeLessThan(2000);
});

test('a gateway that goes leaves nothing running', async () => {
  const gateways = await Promise.all(Array.from({ length: 5 }, () => follow()));
  await Promise.all(gateways.map((gateway) => gateway.until('ping')));
  for (const { response } of gateways) response.destroy();

  await expect.poll(() => new Promise((resolve) => server.plane.app.server.getConnections((_error, count) => resolve(count)))).toBe(0);
  await addApi('payments');
  expect(server.plane.logLines.filter((line) => line.includes('stream_failed'))).toEqual([]);
});
