import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createAuthority } from '../../test/helpers/certificates.js';
import { eventually, holdTime, makeRoute, request, startGateway, startUpstream, type GatewayDraft } from '../../test/helpers/data-plane.js';
import { sendRaw } from '../../test/helpers/raw-tcp.js';
import { parseHeader, restLength } from './proxy-protocol.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const GET = request('GET /apis/acme/payments/x');

/** A header as HAProxy writes it. */
function header(family: number, addresses: Buffer, { command = 1, version = 2 } = {}): Buffer {
  const fixed = Buffer.alloc(4);
  fixed.writeUInt8((version << 4) | command, 0);
  fixed.writeUInt8(family, 1);
  fixed.writeUInt16BE(addresses.length, 2);
  return Buffer.concat([SIGNATURE, fixed, addresses]);
}

const V4 = header(0x11, Buffer.from([198, 51, 100, 7, 10, 0, 0, 1, 0xc0, 0x01, 0x0b, 0xb9]));
const V6 = header(0x21, Buffer.from(`20010db8${'0'.repeat(23)}7${'0'.repeat(32)}c0010bb9`, 'hex'));
const LOCAL = header(0, Buffer.alloc(0), { command: 0 });
const WITH_ADDITIONS = header(
  0x11,
  Buffer.concat([Buffer.from([198, 51, 100, 7, 10, 0, 0, 1, 0xc0, 0x01, 0x0b, 0xb9]), Buffer.alloc(300, 4)]),
);

async function startBehindProxy(draft: Partial<GatewayDraft> = {}) {
  const forwarded: unknown[] = [];
  const { url } = await startUpstream((req, res) => {
    forwarded.push(req.headers['x-forwarded-for']);
    res.end('ok');
  });
  const routes = [makeRoute({ upstreamUrl: url })];
  const gateway = await startGateway({ routes, trustedProxies: ['127.0.0.1'], proxyProtocol: true, ...draft });
  const refusals = () => gateway.lines().flatMap((line) => (line['event'] === 'proxy_header_refused' ? [line['reason']] : []));
  return { gateway, forwarded, refusals };
}

const ended = (text: string): boolean => text.endsWith('ok');

describe('a listener that expects the PROXY protocol', () => {
  it.each([
    ['an IPv4 client', [V4, GET], '198.51.100.7'],
    ['an IPv6 client', [V6, GET], '2001:db8::7'],
    ['additions behind the addresses', [WITH_ADDITIONS, GET], '198.51.100.7'],
    ['header and request in one piece', [Buffer.concat([V4, Buffer.from(GET)])], '198.51.100.7'],
    ['a header that comes byte by byte', [...Array.from(V4, (byte) => Buffer.from([byte])), GET], '198.51.100.7'],
    ['the proxy itself', [LOCAL, GET], '127.0.0.1'],
  ])('knows %s', async (_name, parts, client) => {
    const { gateway, forwarded } = await startBehindProxy();

    const answer = await sendRaw(gateway.port, parts, ended);

    expect(answer.status).toBe(200);
    expect(forwarded).toEqual([client]);
    expect(gateway.lines().find(({ event }) => event === 'request completed')).toMatchObject({ client_ip: client });
  });

  it('knows the client of every request of a connection', async () => {
    const { gateway, forwarded } = await startBehindProxy();

    await sendRaw(gateway.port, [V4, GET, GET, GET], (text) => text.split('ok').length === 4);

    expect(forwarded).toEqual(['198.51.100.7', '198.51.100.7', '198.51.100.7']);
  });

  it('believes X-Forwarded-For of a client that is a trusted proxy, and of no other', async () => {
    const { gateway, forwarded } = await startBehindProxy({ trustedProxies: ['127.0.0.1', '198.51.100.0/24'] });
    const through = request('GET /apis/acme/payments/x', ['X-Forwarded-For: 203.0.113.9']);

    await sendRaw(gateway.port, [V4, through], ended);
    await sendRaw(gateway.port, [V6, through], ended);

    expect(forwarded).toEqual(['203.0.113.9, 198.51.100.7', '2001:db8::7']);
  });

  it.each([
    ['none', [GET], 'invalid'],
    ['the one of version 1', [Buffer.from('PROXY TCP4 198.51.100.7 10.0.0.1 1 2\r\n'), GET], 'invalid'],
    ['a version that is not known', [header(0x11, V4.subarray(16), { version: 3 }), GET], 'invalid'],
    ['a command that is not known', [header(0x11, V4.subarray(16), { command: 2 }), GET], 'invalid'],
    ['addresses that are too short', [header(0x11, Buffer.alloc(4)), GET], 'invalid'],
    ['one that is endless', [header(0x11, Buffer.alloc(5000)), GET], 'invalid'],
  ])('closes a connection whose header is %s, and serves nothing', async (_name, parts, reason) => {
    const { gateway, forwarded, refusals } = await startBehindProxy();

    const answer = await sendRaw(gateway.port, parts);

    expect([answer.text, forwarded, refusals()]).toEqual(['', [], [reason]]);
  });

  it('says nothing of a load balancer that only looks whether somebody listens', async () => {
    const { gateway, refusals } = await startBehindProxy();

    for (const end of ['end', 'resetAndDestroy'] as const)
      await new Promise((resolve) => {
        const socket = connect(gateway.port, '127.0.0.1', () => socket[end]());
        socket.on('error', () => undefined).on('close', resolve);
      });
    await new Promise((resolve) => setTimeout(resolve, 100));

    expect(refusals()).toEqual([]);
  });

  it('lets nobody say whose a connection is but a trusted proxy', async () => {
    const { gateway, forwarded, refusals } = await startBehindProxy({ trustedProxies: ['10.0.0.1'] });

    const answer = await sendRaw(gateway.port, [V4, GET]);

    expect([answer.text, forwarded, refusals()]).toEqual(['', [], ['untrusted']]);
  });

  it('reads the header before TLS', async () => {
    const authority = createAuthority();
    const certificate = authority.issue('gateway', { names: ['localhost'] });
    const { gateway, forwarded } = await startBehindProxy({ tls: { certificates: [certificate], clientCa: undefined } });

    const raw = connect(gateway.port, '127.0.0.1');
    raw.write(V4);
    const text = await new Promise<string>((resolve, reject) => {
      const secure = tlsConnect({ socket: raw, servername: 'localhost', ca: authority.pem }, () => secure.write(GET));
      let received = '';
      secure.on('error', reject).on('data', (chunk: Buffer) => {
        received += chunk.toString();
        if (!ended(received)) return;
        resolve(received);
        secure.destroy();
      });
    });

    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(forwarded).toEqual(['198.51.100.7']);
  });

  it('tells connections of one port of the proxy to several addresses of the gateway apart', async () => {
    const { gateway, forwarded } = await startBehindProxy({ trustedProxies: ['127.0.0.0/8'], host: '0.0.0.0' });
    const open = (host: string, localPort: number) =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ port: gateway.port, host, localAddress: '127.0.0.1', localPort });
        socket.once('connect', () => resolve(socket)).once('error', reject);
      });
    const answered = (socket: Socket) => new Promise((resolve) => socket.once('data', resolve));
    const first = await open('127.0.0.2', 0);
    const second = await open('127.0.0.3', first.localPort ?? 0);
    for (const [socket, start] of [
      [first, V4],
      [second, V6],
    ] as const) {
      socket.write(Buffer.concat([start, Buffer.from(GET)]));
      await answered(socket);
    }
    second.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.write(request('GET /apis/acme/payments/x', ['X-Forwarded-For: 10.1.2.3']));
    await answered(first);
    first.destroy();

    expect(forwarded).toEqual(['198.51.100.7', '2001:db8::7', '198.51.100.7']);
  });

  it('loses no request of a connection that had not been read when the stop began', async () => {
    const { gateway, forwarded } = await startBehindProxy();
    const text = new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(gateway.port, '127.0.0.1', () => {
        socket.write(Buffer.concat([V4, Buffer.from(GET)]));
        void gateway.listener.stop();
      });
      socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('error', () => undefined);
      socket.on('close', () => resolve(received));
    });

    expect(await text).toMatch(/^HTTP\/1\.1 200/);
    expect(forwarded).toEqual(['198.51.100.7']);
  });

  it('stops, long before it has to, although a connection has not said whose it is', async () => {
    const { gateway } = await startBehindProxy();
    const silent = await new Promise<Socket>((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1', () => resolve(socket));
    });
    silent.on('error', () => undefined);
    const closed = new Promise((resolve) => silent.once('close', resolve));
    await eventually(() => gateway.listener.connections()).toBe(1);

    holdTime('setTimeout', 'clearTimeout');
    const stopped = gateway.listener.stop(10_000);
    vi.advanceTimersByTime(9000);

    await Promise.all([stopped, closed]);
  });
});

it('whatever bytes a header has, it is an address, the proxy, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 64 }), (fixed, rest) => {
      const head = Buffer.concat([SIGNATURE, Buffer.from(fixed.subarray(12))]);
      const length = restLength(head);
      expect(length === 'invalid' || length <= 4096).toBe(true);
      const parsed = parseHeader(head, Buffer.from(rest));
      expect(typeof parsed === 'string' || /^[0-9a-f.:]+$/.test(parsed.address)).toBe(true);
    }),
  );
});
