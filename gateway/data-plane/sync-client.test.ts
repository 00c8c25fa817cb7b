import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SyncMessage, SyncObjects, SyncResource } from '../../schema/sync.js';
import { createBreaker, DEFAULT_BREAKER } from './breaker.js';
import { ConfigSource, type Delta } from './config-source.js';
import { startSyncClient } from './sync-client.js';

const api = (name: string): SyncResource => ({
  kind: 'API',
  tenant: 'acme',
  name,
  id: `api-${name}`,
  spec: {},
  labels: {},
  annotations: {},
  created_at: '',
  updated_at: '',
});
const objects = (...names: string[]): SyncObjects => ({ resources: names.map(api), subscriptions: [], credentials: [] });
const NOTHING_REMOVED = { resources: [], subscriptions: [], credentials: [] };
const change = (number: number, ...names: string[]): SyncMessage => ({
  type: 'change',
  number,
  put: objects(...names),
  remove: NOTHING_REMOVED,
});
const ping = (number: number, store = 's1'): SyncMessage => ({ type: 'ping', number, store });
const copy = (number: number, names: string[], store = 's1'): SyncMessage[] => [
  { type: 'begin', number },
  ...names.map((name): SyncMessage => ({ type: 'objects', put: objects(name) })),
  { type: 'end', number, store },
];

interface Connection {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly response: ServerResponse;
}

/** A control plane of which the test says each word: `next` waits for the gateway to connect. */
async function controlPlane(port = 0) {
  const waiting: ((connection: Connection) => void)[] = [];
  const arrived: Connection[] = [];
  const server = createServer((req: IncomingMessage, response: ServerResponse) => {
    const connection = { url: req.url ?? '', authorization: req.headers.authorization, response };
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(connection);
    else waiter(connection);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(close);
  return {
    port: (server.address() as AddressInfo).port,
    close,
    next: (): Promise<Connection> => {
      const connection = arrived.shift();
      return connection === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(connection);
    },
  };
}

const say = ({ response }: Connection, ...messages: SyncMessage[]): void => {
  for (const message of messages) response.write(`${JSON.stringify(message)}\n`);
};

function gateway(port: number, stallMs = 2000, openMs = DEFAULT_BREAKER.openMs) {
  const deltas: Delta[] = [];
  const changes: boolean[] = [];
  const events: string[] = [];
  const source = new ConfigSource((delta) => deltas.push(delta));
  const breaker = createBreaker('cp-api-breaker', { ...DEFAULT_BREAKER, openMs });
  let refused = 0;
  const client = startSyncClient({
    controlPlaneUrl: `http://127.0.0.1:${String(port)}`,
    source,
    tokens: { get: () => Promise.resolve('secret'), refused: () => (refused += 1) },
    breaker,
    log: { event: (_level, event) => events.push(event) },
    now: () => Date.now(),
    onChange: (isWhole) => changes.push(isWhole),
    timings: { stallMs, firstRetryMs: 10, maxRetryMs: 50 },
  });
  onTestFinished(() => client.stop());
  const names = (): string[] => [...source.resources.values()].map(({ name }) => name).sort();
  return { source, client, breaker, deltas, changes, events, names, refused: () => refused };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 5000; !condition();) {
    if (Date.now() > end) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('sync client', () => {
  it('shows its token, takes a full copy whole, then changes one by one', async () => {
    const plane = await controlPlane();
    const { source, client, deltas, changes, names } = gateway(plane.port);
    const connection = await plane.next();

    expect(connection.url).toBe('/v1/gateways/stream');
    expect(connection.authorization).toBe('Bearer secret');
    const whole = copy(3, ['a', 'b']);
    say(connection, ...whole.slice(0, 3));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(deltas).toEqual([]);
    say(connection, ...whole.slice(3), ping(3), change(4, 'c'));
    await until(() => source.position?.number === 4, 'change 4');

    expect(names()).toEqual(['a', 'b', 'c']);
    expect(changes).toEqual([true, false]);
    expect(client.isConnected).toBe(true);
  });

  it('resumes after a cut from the last number and store, and reads a line that came in two pieces', async () => {
    const plane = await controlPlane();
    const { source, client, names } = gateway(plane.port);
    const first = await plane.next();
    say(first, ...copy(3, ['a']));
    await until(() => source.position !== undefined, 'copy');

    first.response.destroy();
    const second = await plane.next();
    expect(second.url).toBe('/v1/gateways/stream?since=3&store=s1');
    expect(client.isConnected).toBe(false);
    expect(names()).toEqual(['a']);
    const text = `${JSON.stringify(change(4, 'über'))}\n`;
    const bytes = Buffer.from(text);
    second.response.write(bytes.subarray(0, bytes.indexOf(0xc3) + 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    second.response.write(bytes.subarray(bytes.indexOf(0xc3) + 1));
    await until(() => source.position?.number === 4, 'change 4');

    expect(names()).toEqual(['a', 'über']);
  });

  it('throws away a full copy that was cut before its end', async () => {
    const plane = await controlPlane();
    const { source, names } = gateway(plane.port);
    const first = await plane.next();
    say(first, ...copy(3, ['a']));
    await until(() => source.position !== undefined, 'copy');
    first.response.destroy();

    const second = await plane.next();
    say(second, ...copy(9, ['x', 'y']).slice(0, 2));
    await new Promise((resolve) => setTimeout(resolve, 30));
    second.response.destroy();
    const third = await plane.next();

    expect(third.url).toContain('since=3');
    expect(names()).toEqual(['a']);
  });

  it('replaces everything at once when the control plane answers a gap with a full copy', async () => {
    const plane = await controlPlane();
    const { source, deltas, names } = gateway(plane.port);
    const connection = await plane.next();
    say(connection, ...copy(3, ['a', 'b']));
    await until(() => source.position !== undefined, 'copy');

    say(connection, ...copy(90_000, ['b', 'c']));
    await until(() => source.position?.number === 90_000, 'second copy');

    expect(names()).toEqual(['b', 'c']);
    expect(deltas[1]?.resources.map(({ key }) => key).sort()).toEqual(['API acme/a', 'API acme/c']);
  });

  it.each([
    ['another database', ping(3, 's2')],
    ['an older copy of the database', ping(2)],
    ['a number that was there before', change(3, 'z')],
  ])('asks for a full copy when the control plane has %s, and goes on serving what it holds', async (_what, message) => {
    const plane = await controlPlane();
    const { source, names, breaker } = gateway(plane.port);
    const first = await plane.next();
    say(first, ...copy(3, ['a']));
    await until(() => source.position !== undefined, 'copy');

    say(first, message);
    const second = await plane.next();
    expect(second.url).toBe('/v1/gateways/stream');
    expect(names()).toEqual(['a']);
    say(second, ...copy(1, ['b'], 's2'));
    await until(() => source.position?.store === 's2', 'other store');

    expect(names()).toEqual(['b']);
    expect(breaker.stats(Date.now()).failure_count).toBe(0);
  });

  it('takes a stream on which nothing comes any more for lost', async () => {
    const plane = await controlPlane();
    const { source, client, events } = gateway(plane.port, 150);
    const first = await plane.next();
    say(first, ...copy(3, ['a']));
    await until(() => source.position !== undefined, 'copy');

    const second = await plane.next();

    expect(second.url).toContain('since=3');
    expect(client.isConnected).toBe(false);
    expect(events).toContain('control_plane_disconnected');
  });

  it('is not fooled by an answer that never begins', async () => {
    const plane = await controlPlane();
    gateway(plane.port, 100);

    await plane.next();

    await plane.next();
  });

  it('fetches another token when the control plane refuses it, and counts the failure', async () => {
    const plane = await controlPlane();
    const { refused, breaker } = gateway(plane.port);
    const first = await plane.next();

    first.response.writeHead(401).end('{}');
    await plane.next();

    expect(refused()).toBe(1);
    expect(breaker.stats(Date.now())).toMatchObject({ failure_count: 1, consecutive_failures: 1 });
  });

  it.each([
    ['no JSON', 'nonsense\n'],
    ['no message', '42\n'],
    ['a change before any copy', `${JSON.stringify(change(5, 'a'))}\n`],
  ])('drops a connection that says %s and holds nothing of it', async (_what, text) => {
    const plane = await controlPlane();
    const { source } = gateway(plane.port);
    const first = await plane.next();

    first.response.write(text);
    await plane.next();

    expect(source.position).toBeUndefined();
  });

  it('passes over messages of a kind that it does not know', async () => {
    const plane = await controlPlane();
    const { source } = gateway(plane.port);
    const connection = await plane.next();

    connection.response.write('{"type":"gossip"}\n\n');
    say(connection, ...copy(3, ['a']));

    await until(() => source.position?.number === 3, 'copy');
  });

  it('opens its breaker after five failures, and connects at once when that is reset', async () => {
    const plane = await controlPlane();
    const { port } = plane;
    plane.close();
    const { breaker, client } = gateway(port);
    await until(() => breaker.stats(Date.now()).state === 'open', 'open breaker');
    expect(breaker.stats(Date.now())).toMatchObject({ failure_count: 5, open_count: 1 });

    const revived = await controlPlane(port);
    breaker.reset();
    client.retryNow();
    const connection = await revived.next();
    say(connection, ...copy(1, ['a']));

    await until(() => client.isConnected, 'connection');
    expect(breaker.stats(Date.now())).toMatchObject({ state: 'closed', success_count: 1, consecutive_failures: 0 });
  });

  it('closes its breaker with the first word of the control plane, and forgets what failed before', async () => {
    const first = await controlPlane();
    const { port } = first;
    first.close();
    const { breaker, client } = gateway(port, 2000, 50);
    await until(() => breaker.stats(Date.now()).open_count === 1, 'open breaker');

    const plane = await controlPlane(port);
    say(await plane.next(), ...copy(1, ['a']));
    await until(() => client.isConnected, 'connection');
    expect(breaker.stats(Date.now()).state).toBe('closed');

    const opened = breaker.stats(Date.now()).open_count;
    plane.close();
    await until(() => !client.isConnected, 'cut');
    const again = await controlPlane(port);
    say(await again.next(), ...copy(2, ['a']));
    await until(() => client.isConnected, 'second connection');
    expect(breaker.stats(Date.now())).toMatchObject({ state: 'closed', open_count: opened });
  });

  it('ends when it is stopped, connected or waiting: what it waits for would come after an hour', async () => {
    const hourMs = 3_600_000;
    const plane = await controlPlane();
    const connected = gateway(plane.port, hourMs);
    const connection = await plane.next();
    say(connection, ping(0));
    await until(() => connected.client.isConnected, 'connection');
    const waiting = gateway(1, hourMs, hourMs);
    await until(() => waiting.breaker.stats(Date.now()).state === 'open', 'open breaker');

    await Promise.all([connected.client.stop(), waiting.client.stop()]);

    await until(() => connection.response.closed, 'end of the connection');
  });
});
