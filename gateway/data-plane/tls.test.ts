/** The listener over TLS, with certificates that openssl made, and clients that show theirs. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { createAuthority, type Authority, type Issued } from '../../test/helpers/certificates.js';
import {
  holdTime,
  KEY,
  makeCredential,
  makeRoute,
  request,
  startGateway,
  startUpstream,
  type GatewayDraft,
  type RouteDraft,
} from '../../test/helpers/data-plane.js';
import { loadTls } from './tls.js';
import { plainName } from './client-certificate.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) process.stderr.write('openssl is missing: the tests of TLS are skipped.\n');

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A request over TLS; resolves also when the server refuses it. */
function call(
  url: string,
  { headers = {}, ...options }: Omit<RequestOptions, 'headers'> & { readonly headers?: Record<string, string> },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(url, { agent: false, ...options, headers: { 'x-api-key': KEY, ...headers } }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body }));
    });
    req.on('error', reject).end();
  });
}

/** What comes back for these bytes until the server ends the connection. */
function sendTls(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tlsConnect({ port, rejectUnauthorized: false }, () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });
}

async function startTlsGateway(authority: Authority, draft: Partial<GatewayDraft> = {}, routeDraft: Partial<RouteDraft> = {}) {
  const received: Record<string, unknown>[] = [];
  const upstream = await startUpstream((req, res) => {
    received.push(req.headers);
    res.end('ok');
  });
  const server = authority.issue('gateway', { names: ['localhost'] });
  const gateway = await startGateway({
    routes: [makeRoute({ upstreamUrl: upstream.url, ...routeDraft })],
    tls: { certificates: [server], clientCa: authority.cert },
    clientCertificates: 'optional',
    ...draft,
  });
  const send = (client?: Issued, headers: Record<string, string> = {}): Promise<Answer> =>
    call(gateway.url, {
      ca: authority.pem,
      servername: 'localhost',
      headers,
      ...(client === undefined ? {} : { cert: client.pem, key: client.keyPem }),
    });
  return { gateway, received, send, server };
}

const REQUIRED = { clientCertificate: { isRequired: true, issuers: undefined } } as const;
const reasonsOf = (lines: readonly Record<string, unknown>[]): unknown[] =>
  lines.filter(({ event }) => event === 'auth_failed').map(({ reason }) => reason);

describe.skipIf(!hasOpenssl)('the listener over TLS', () => {
  it('serves HTTP/1.1 over TLS 1.2 and 1.3, tells the upstream of it, and takes no older one', async () => {
    const { gateway, received, send } = await startTlsGateway(createAuthority());

    expect(await send()).toEqual({ status: 200, body: 'ok' });
    expect(received[0]).toMatchObject({ 'x-forwarded-proto': 'https' });
    const old = new Promise((resolve) => {
      tlsConnect({ port: gateway.port, rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })
        .on('secureConnect', () => resolve('connected'))
        .on('error', () => resolve('refused'));
    });
    expect(await old).toBe('refused');
  });

  it('shows the certificate of the name that a client asks for, also by a wildcard, and else the first', async () => {
    const authority = createAuthority();
    const [first, api, wild] = [
      authority.issue('first', { names: ['first.test'] }),
      authority.issue('api', { names: ['API.test'] }),
      authority.issue('wild', { names: ['*.wild.test'] }),
    ];
    const { gateway } = await startTlsGateway(authority, { tls: { certificates: [first, api, wild], clientCa: undefined } });
    const nameAt = (servername: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const socket = tlsConnect({ port: gateway.port, servername, ca: authority.pem, checkServerIdentity: () => undefined }, () => {
          resolve(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        }).on('error', reject);
      });

    expect(await Promise.all(['api.test', 'a.wild.test', 'a.b.wild.test', 'unknown.test', ''].map(nameAt))).toEqual([
      'api',
      'wild',
      'first',
      'first',
      'first',
    ]);
  });

  it('serves new connections from files that were replaced, and goes on with the old ones while they are unsound', async () => {
    const authority = createAuthority();
    const { gateway, server, send } = await startTlsGateway(authority);
    const other = createAuthority('Other CA');
    const next = other.issue('gateway', { names: ['localhost'] });

    expect(gateway.listener.reloadTls()).toBe(false);
    copyFileSync(next.cert, server.cert);
    expect(() => gateway.listener.reloadTls()).toThrow(/it is not the key of/);
    expect((await send()).status).toBe(200);
    copyFileSync(next.key, server.key);
    expect(gateway.listener.reloadTls()).toBe(true);

    await expect(send()).rejects.toThrow(/unable to|certificate|self/i);
    expect((await call(gateway.url, { ca: other.pem, servername: 'localhost' })).status).toBe(200);
  });

  it('lives on when a client speaks no TLS, resets in the handshake, or says nothing, and stops without waiting for it', async () => {
    const { gateway, send } = await startTlsGateway(createAuthority());
    const plain = tcpConnect(gateway.port, '127.0.0.1').on('error', () => undefined);
    plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const reset = tcpConnect(gateway.port, '127.0.0.1', () => reset.resetAndDestroy()).on('error', () => undefined);
    const idle = tlsConnect({ port: gateway.port, rejectUnauthorized: false }).on('error', () => undefined);
    await new Promise((resolve) => idle.once('secureConnect', resolve));

    expect((await send()).status).toBe(200);
    holdTime('setTimeout', 'clearTimeout');
    const stopped = gateway.listener.stop(9000);
    vi.advanceTimersByTime(8000);
    await stopped;
  });

  it('refuses what is ambiguous as it does without TLS, and interprets nothing behind it', async () => {
    const { gateway, received } = await startTlsGateway(createAuthority());
    const second = request('GET /apis/acme/payments/smuggled');

    const answer = await sendTls(
      gateway.port,
      request('POST /apis/acme/payments/x', ['Content-Length: 1', 'Content-Length: 2'], 'x') + second,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
    expect(received).toEqual([]);
  });

  it('upgrades to websockets', async () => {
    const { server: upstream, url } = await startUpstream((_req, res) => res.writeHead(426).end());
    upstream.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
      socket.end();
    });
    const { gateway } = await startTlsGateway(createAuthority(), {}, { upstreamUrl: url });
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ];

    expect(await sendTls(gateway.port, request('GET /apis/acme/payments/x', handshake))).toMatch(/^HTTP\/1\.1 101 [^]*hello$/);
  });

  it.each([
    ['a file that is not there', 'missing.crt', 'there is no such file'],
    ['no certificate', 'text', 'it is no certificate in PEM'],
  ])('says what is wrong with %s', (_what, name, message) => {
    const authority = createAuthority();
    const { key } = authority.issue('x');
    writeFileSync(`${authority.directory}/text`, 'hello');

    const files = { certificates: [{ cert: `${authority.directory}/${name}`, key }], clientCa: undefined };

    expect(() => loadTls(files)).toThrow(new RegExp(`${name} cannot be used: ${message}`));
  });

  it('are kept as they were last sound, for who starts while their files are not', () => {
    const { cert, key } = createAuthority().issue('gateway', { names: ['localhost'] });
    const files = { certificates: [{ cert, key }], clientCa: undefined };
    const first = loadTls(files);

    writeFileSync(cert, 'half of a');

    expect(() => loadTls(files)).toThrow(/no certificate in PEM/);
    expect(loadTls(files, first.texts()).certificates()).toEqual(first.certificates());
  });
});

describe.skipIf(!hasOpenssl)('client certificates (DP22 AD18 AD19)', () => {
  it('are asked for by an API: good ones reach the upstream by name, others are 403 with the reason in the log', async () => {
    const authority = createAuthority();
    const { gateway, received, send } = await startTlsGateway(authority, {}, REQUIRED);
    const good = authority.issue('client');
    const foreign = createAuthority('Foreign CA').issue('client');

    const statuses = [await send(good), await send(), await send(foreign)].map(({ status }) => status);

    expect(statuses).toEqual([200, 403, 403]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      'x-ssl-client-verify': 'SUCCESS',
      'x-ssl-client-fingerprint': good.fingerprint.replaceAll(':', '').toLowerCase(),
      'x-ssl-client-s-dn': 'CN=client',
      'x-ssl-client-i-dn': 'O=Acme,CN=Acme CA',
    });
    expect(reasonsOf(gateway.lines())).toEqual(['missing_client_certificate', 'invalid_client_certificate']);
    expect(gateway.certificates.stats()).toEqual({ total_requests: 3, cert_validated: 1, cert_missing: 1, cert_invalid: 1 });
  });

  it('end with their time, also on a connection that stays open', async () => {
    const authority = createAuthority();
    let offset = 0;
    const { gateway, send } = await startTlsGateway(authority, { now: () => Date.now() + offset }, REQUIRED);
    const client = authority.issue('client', { days: 2 });

    expect((await send(client)).status).toBe(200);
    offset = 3 * 86_400_000;

    expect((await send(client)).status).toBe(403);
    expect(reasonsOf(gateway.lines())).toEqual(['invalid_client_certificate']);
  });

  it('are accepted from the issuers that the API names', async () => {
    const authority = createAuthority();
    const client = authority.issue('client');
    const rule = (issuer: string) => ({ clientCertificate: { isRequired: true, issuers: new Set([plainName(issuer)]) } });

    const named = await startTlsGateway(authority, {}, rule('CN = Acme CA, O = Acme'));
    const other = await startTlsGateway(authority, {}, rule('CN=Other CA'));

    expect((await named.send(client)).status).toBe(200);
    expect((await other.send(client)).status).toBe(403);
    expect(reasonsOf(other.gateway.lines())).toEqual(['client_certificate_not_allowed']);
  });

  it('bind the keys of a consumer to the certificates that it names, on every API', async () => {
    const authority = createAuthority();
    const [own, other] = [authority.issue('own'), authority.issue('other')];
    const fingerprint = own.fingerprint.replaceAll(':', '').toLowerCase();
    const keys = new Map([[KEY, makeCredential({ certificates: new Set([fingerprint]) })]]);
    const { gateway, send } = await startTlsGateway(authority, { keys });

    expect([(await send(own)).status, (await send(other)).status, (await send()).status]).toEqual([200, 403, 403]);
    expect(reasonsOf(gateway.lines())).toEqual(['client_certificate_not_allowed', 'missing_client_certificate']);
  });

  it('are needed for every API where the gateway requires them, and never for its own routes', async () => {
    const authority = createAuthority();
    const { gateway, send } = await startTlsGateway(authority, { clientCertificates: 'required' });

    expect((await send()).status).toBe(403);
    expect((await send(authority.issue('client'))).status).toBe(200);
    const health = await call(`https://127.0.0.1:${gateway.port}/health`, { ca: authority.pem, servername: 'localhost' });
    expect(health.status).toBe(200);
  });

  it('are refused to nobody where no API asks, even when they are foreign', async () => {
    const { gateway, received, send } = await startTlsGateway(createAuthority());

    expect((await send(createAuthority('Foreign CA').issue('client'))).status).toBe(200);
    expect(received[0]).not.toHaveProperty('x-ssl-client-verify');
    expect(gateway.certificates.stats().total_requests).toBe(0);
  });
});

describe.skipIf(!hasOpenssl)('client certificates behind a proxy (DP22)', () => {
  const start = async (trustedProxies: readonly string[]) => {
    const received: Record<string, unknown>[] = [];
    const upstream = await startUpstream((req, res) => {
      received.push(req.headers);
      res.end('ok');
    });
    const gateway = await startGateway({
      routes: [makeRoute({ upstreamUrl: upstream.url, ...REQUIRED })],
      trustedProxies,
      clientCertificates: 'optional',
    });
    const send = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(gateway.url, { headers: { 'x-api-key': KEY, ...headers } })).status;
    return { gateway, received, send };
  };
  const FIELDS = {
    'x-ssl-client-verify': 'SUCCESS',
    'x-ssl-client-fingerprint': 'AB:'.repeat(31) + 'AB',
    'x-ssl-client-s-dn': 'CN=client,O=Acme',
    'x-ssl-client-i-dn': 'CN=Acme CA',
    'x-ssl-client-notbefore': 'Nov 27 10:00:00 2020 GMT',
    'x-ssl-client-notafter': '20991127100000Z',
  };

  it('are read from the headers of a trusted one, whole or in fields', async () => {
    const { gateway, received, send } = await start(['127.0.0.1']);
    const { pem, fingerprint } = createAuthority().issue('client');
    const der = pem.replace(/-----[^-]+-----|\s/g, '');

    const statuses = [
      await send(FIELDS),
      await send({ 'x-ssl-client-verify': 'SUCCESS', 'x-ssl-client-cert': encodeURIComponent(pem) }),
      await send({ 'x-ssl-client-verify': 'SUCCESS', 'x-ssl-client-cert': der }),
    ];

    expect(statuses).toEqual([200, 200, 200]);
    expect(received.map((headers) => headers['x-ssl-client-fingerprint'])).toEqual([
      'ab'.repeat(32),
      fingerprint.replaceAll(':', '').toLowerCase(),
      fingerprint.replaceAll(':', '').toLowerCase(),
    ]);
    expect(gateway.certificates.stats()).toMatchObject({ total_requests: 3, cert_validated: 3 });
  });

  it.each([
    ['no headers', {}, 'missing_client_certificate'],
    ['a proxy that saw none', { ...FIELDS, 'x-ssl-client-verify': 'NONE' }, 'missing_client_certificate'],
    ['a proxy that says it failed', { ...FIELDS, 'x-ssl-client-verify': 'FAILED:expired' }, 'invalid_client_certificate'],
    ['a certificate without the word of the proxy', { ...FIELDS, 'x-ssl-client-verify': '' }, 'invalid_client_certificate'],
    ['a time that is over', { ...FIELDS, 'x-ssl-client-notafter': '2021-01-01T00:00:00Z' }, 'invalid_client_certificate'],
    ['a time that cannot be read', { ...FIELDS, 'x-ssl-client-notbefore': 'once' }, 'invalid_client_certificate'],
    ['a SHA-1 fingerprint', { ...FIELDS, 'x-ssl-client-fingerprint': 'ab'.repeat(20) }, 'invalid_client_certificate'],
    [
      'a certificate that cannot be read',
      { 'x-ssl-client-verify': 'SUCCESS', 'x-ssl-client-cert': '-----BEGIN%ZZ' },
      'invalid_client_certificate',
    ],
  ])('are refused with %s', async (_what, headers, reason) => {
    const { gateway, send } = await start(['127.0.0.1']);

    expect(await send(headers as Record<string, string>)).toBe(403);
    expect(reasonsOf(gateway.lines())).toEqual([reason]);
  });

  it('are taken from nobody else: neither from another peer, nor where no proxy is trusted', async () => {
    for (const trusted of [[], ['192.0.2.1']]) {
      const { gateway, received, send } = await start(trusted);

      expect(await send(FIELDS)).toBe(403);
      expect(received).toEqual([]);
      expect(reasonsOf(gateway.lines())).toEqual(['missing_client_certificate']);
    }
  });

  it('never are the certificate of the proxy itself', async () => {
    const authority = createAuthority();
    const { send } = await startTlsGateway(authority, { trustedProxies: ['127.0.0.1'] }, REQUIRED);

    expect((await send(authority.issue('proxy'))).status).toBe(403);
    expect((await send(authority.issue('proxy'), FIELDS)).status).toBe(200);
  });
});

describe('names of issuers', () => {
  it.each([
    ['O=Acme\nCN=Acme CA', 'CN=Acme CA,O=Acme'],
    ['/C=FR/O=Acme/CN=a/b', 'CN = a/b, O = Acme, C = FR'],
    ['CN=a\\, b,O=Acme', 'O=Acme\nCN=a, b'],
    ['cn=x', 'CN=x'],
  ])('%j is the same as %j', (a, b) => {
    expect(plainName(a)).toBe(plainName(b));
  });

  it.each([
    ['CN=a,O=b', 'CN=a'],
    ['O=a,CN=b', 'CN=a,O=b'],
    ['CN=A', 'CN=a'],
  ])('%j is another than %j', (a, b) => {
    expect(plainName(a)).not.toBe(plainName(b));
  });
});
