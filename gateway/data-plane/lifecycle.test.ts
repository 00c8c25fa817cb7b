/** Upgrades, connections that are used again, configuration swaps and the end of a listener. */
import { createHash } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { expect, it, vi } from 'vitest';
import { eventually, holdTime, KEY, makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { sendRaw } from '../../test/helpers/raw-tcp.js';

const auth = { 'X-API-Key': KEY };
const GET = 'GET /apis/acme/payments/x';
const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];
const accept = (key: string): string => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** An upstream that accepts websocket handshakes and echoes bytes. */
async function startEchoSocket() {
  const heads: string[][] = [];
  const { url, server } = await startUpstream((_req, res) => res.writeHead(426).end('no'));
  server.on('upgrade', (req, socket, head) => {
    heads.push(req.rawHeaders);
    socket.on('error', () => undefined);
    const key = req.headers['sec-websocket-key'] ?? '';
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(key)}\r\n\r\nhi`,
    );
    socket.write(head);
    socket.pipe(socket);
  });
  return { url, heads };
}

it('websocket: passes bytes both ways after the key was checked', async () => {
  const { url, heads } = await startEchoSocket();
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const answer = await sendRaw(gateway.port, [request(GET, HANDSHAKE), 'one', 'two'], (text) => text.endsWith('hionetwo'));

  expect(answer.text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(answer.text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect(answer.text).toContain('X-Request-Id: ');
  expect(answer.text).toMatch(/hionetwo$/);
  expect(heads[0]?.join('\n')).not.toContain(KEY);
  await eventually(() => gateway.lines().find(({ event }) => event === 'request completed')).toMatchObject({ status: 101 });
});

it('websocket: bytes that come with the handshake are not lost', async () => {
  const { url } = await startEchoSocket();
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const answer = await sendRaw(gateway.port, `${request(GET, HANDSHAKE)}early`, (text) => text.includes('early'));

  expect(answer.text).toMatch(/hiearly$/);
});

it('websocket: answers errors as errors, and closes', async () => {
  const { url } = await startEchoSocket();
  const plain = await startUpstream((_req, res) => res.writeHead(403).end('no'));
  const gateway = await startGateway({
    routes: [makeRoute({ upstreamUrl: url }), makeRoute({ upstreamUrl: plain.url, prefix: '/plain' })],
  });

  const keyless = await sendRaw(gateway.port, request(GET, HANDSHAKE).replace(KEY, 'wrong'));
  const refused = await sendRaw(gateway.port, request('GET /plain/x', HANDSHAKE));
  const withBody = await sendRaw(gateway.port, request(GET, [...HANDSHAKE, 'Content-Length: 3'], 'abc'));
  const missing = await sendRaw(gateway.port, request('GET /nowhere', HANDSHAKE));

  expect([keyless.status, refused.status, withBody.status, missing.status]).toEqual([401, 403, 400, 404]);
  expect(refused.text).toMatch(/\r\n2\r\nno\r\n0\r\n\r\n$/);
});

it('websocket: the end of one side is the end of the other', async () => {
  let closed = false;
  const { url, server } = await startUpstream((_req, res) => res.end());
  server.on('upgrade', (req, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    socket
      .on('error', () => undefined)
      .on('data', () => socket.end('bye'))
      .on('close', () => (closed = true));
    expect(req.headers['x-tenant-id']).toBe('acme');
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const fromUpstream = await sendRaw(gateway.port, [request(GET, HANDSHAKE), 'x']);
  closed = false;
  const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request(GET, HANDSHAKE)));
  socket.once('data', () => socket.destroy());

  expect(fromUpstream.text).toMatch(/bye$/);
  await eventually(() => closed).toBe(true);
});

it('keep-alive: no request fails while an upstream closes its idle connections under load', { timeout: 60_000 }, async () => {
  const { url, server } = await startUpstream((_req, res) => res.end('ok'));
  server.keepAliveTimeout = 1;
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const call = (): Promise<number> =>
    new Promise((resolve, reject) => {
      httpRequest(`${gateway.url}/x`, { headers: auth, agent }, (res) => {
        res.resume().on('end', () => resolve(res.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });

  const statuses = new Map<number, number>();
  await Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let count = 0; count < 60; count += 1) {
        const status = await call();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, (count + lane) % 4));
      }
    }),
  );

  agent.destroy();
  expect([...statuses]).toEqual([[200, 480]]);
});

it('swap: a request finishes on the snapshot that it began with, and none is lost', async () => {
  const { url } = await startUpstream((_req, res) => void setTimeout(() => res.end('ok'), 5));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const calls = Array.from({ length: 200 }, async (_, index) => {
    if (index % 10 === 0) gateway.swap([makeRoute({ upstreamUrl: url })]);
    return (await fetch(`${gateway.url}/x`, { headers: auth })).status;
  });

  expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
});

it('drain: finishes what is in flight, announces the end, closes idle connections and accepts no more', async () => {
  let release: () => void = () => undefined;
  const { url } = await startUpstream((_req, res) => (release = () => res.end('ok')));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  const idle = connect(gateway.port, '127.0.0.1', () => idle.write(request('GET /health')));
  let idleClosed = false;
  idle.on('close', () => (idleClosed = true));
  await new Promise((resolve) => idle.once('data', resolve));
  const flying = sendRaw(gateway.port, request(GET));
  const first = release;
  await eventually(() => release !== first).toBe(true);

  const stopped = gateway.listener.stop(8000);
  await eventually(() => idleClosed).toBe(true);
  const late = await sendRaw(gateway.port, request(GET));
  release();
  const answer = await flying;
  await stopped;

  expect(late.text).toBe('');
  expect(answer.text).toMatch(/^HTTP\/1\.1 200[^]*\r\nconnection: close\r\n[^]*ok$/i);
});

it('drain: says not ready on connections that are still open, and takes no new ones (DP2)', async () => {
  const { url } = await startUpstream((_req, res) => res.end('ok'));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  let text = '';
  const kept = connect(gateway.port, '127.0.0.1', () => kept.write(request('POST /apis/acme/payments/x', ['Content-Length: 0'])));
  kept.on('data', (chunk) => (text += chunk.toString()));
  const closed = new Promise((resolve) => kept.once('close', resolve));
  await eventually(() => text).toMatch(/ok$/);

  const stopped = gateway.listener.stop(8000);
  text = '';
  kept.write(request('GET /health/ready'));
  await Promise.all([stopped, closed]);

  expect(text).toMatch(/^HTTP\/1\.1 503[^]*\r\nconnection: close\r\n[^]*"status":"draining"/i);
  expect((await fetch(`http://127.0.0.1:${gateway.port}/health/ready`).catch(() => undefined))?.status).toBeUndefined();
});

it('drain: cuts what does not end in time, upgraded connections too', async () => {
  const { url } = await startEchoSocket();
  const hanging = await startUpstream(() => undefined);
  const gateway = await startGateway({
    routes: [makeRoute({ upstreamUrl: url }), makeRoute({ upstreamUrl: hanging.url, prefix: '/hang' })],
  });
  const socket = sendRaw(gateway.port, request(GET, HANDSHAKE));
  const hung = sendRaw(gateway.port, request('GET /hang/x'));
  await eventually(() => gateway.lines().some(({ status }) => status === 101)).toBe(true);

  await gateway.listener.stop(100);

  expect((await socket).isClosed).toBe(true);
  expect((await hung).isClosed).toBe(true);
});

it('drain: answers every request whose connection was there before the stop', { timeout: 60_000 }, async () => {
  const { url } = await startUpstream((_req, res) => void setTimeout(() => res.end('ok'), 2));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  let isStopping = false;
  const outcomes = { answered: 0, cut: 0, lost: 0 };
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      let text = '';
      let early = false;
      const socket = connect(gateway.port, '127.0.0.1', () => {
        early = !isStopping;
        socket.write(request(GET, ['Connection: close']));
      });
      socket.on('data', (chunk) => (text += chunk.toString())).on('error', () => undefined);
      socket.on('close', () => {
        if (text.endsWith('ok')) outcomes.answered += 1;
        else if (text !== '') outcomes.cut += 1;
        else if (early) outcomes.lost += 1;
        resolve();
      });
    });
  const lane = async (): Promise<void> => {
    while (!isStopping) await call();
  };

  const lanes = Array.from({ length: 40 }, lane);
  await eventually(() => outcomes.answered).toBeGreaterThan(500);
  isStopping = true;
  await gateway.listener.stop(8000);
  await Promise.all(lanes);

  expect(outcomes).toMatchObject({ cut: 0, lost: 0 });
});

it('drain: answers what comes on a kept connection while the stop begins, and announces its end there', async () => {
  const { url } = await startUpstream((_req, res) => res.end('ok'));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  let text = '';
  const kept = connect(gateway.port, '127.0.0.1', () => kept.write(request('POST /apis/acme/payments/x', ['Content-Length: 0'])));
  kept.on('data', (chunk) => (text += chunk.toString()));
  const closed = new Promise((resolve) => kept.once('close', resolve));
  await eventually(() => text).toMatch(/ok$/);

  holdTime('setInterval', 'clearInterval', 'performance');
  const stopped = gateway.listener.stop(8000);
  vi.advanceTimersByTime(200);
  text = '';
  kept.write(request('POST /apis/acme/payments/x', ['Content-Length: 0']));
  await Promise.all([stopped, closed]);

  expect(text).toMatch(/^HTTP\/1\.1 200[^]*\r\nconnection: close\r\n[^]*ok$/i);
});

it('drain: does not wait for a connection that says nothing', async () => {
  const gateway = await startGateway({ routes: [] });
  const socket = connect(gateway.port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await eventually(() => gateway.listener.connections()).toBe(1);

  holdTime('setTimeout', 'clearTimeout');
  const stopped = gateway.listener.stop(10_000);
  vi.advanceTimersByTime(9000);

  await Promise.all([stopped, closed]);
});
