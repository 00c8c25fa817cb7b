/** A gateway with two workers beside its control plane: whatever traffic it takes as one process, it takes with workers. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createServer, request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../helpers/certificates.js';
import type { Server } from '../helpers/processes.js';
import { ADMIN, call, CONNECTED, eventually, readiness, serverPairs, SOON_MS, status } from '../helpers/server-pairs.js';

const { upstream, startControlPlane, startGateway, seed } = serverPairs();
const WORKERS = ['--workers', '2'];
const PATH = '/apis/acme/payments/v1/x';

/** Statuses of requests over so many new connections: the workers take them in turn. */
const statuses = (gateway: Server, key: string): Promise<readonly number[]> =>
  Promise.all(
    Array.from(
      { length: 8 },
      () =>
        new Promise<number>((resolve, reject) => {
          request(gateway.url + PATH, { agent: false, headers: { 'x-api-key': key } }, (res) => {
            res.resume().on('end', () => resolve(res.statusCode ?? 0));
          })
            .on('error', reject)
            .end();
        }),
    ),
  );
const all = (one: number): readonly number[] => Array.from({ length: 8 }, () => one);

it('is ready with all of its workers, serves a new key in each, and a revoked one soon in none (DP2)', { timeout: 60_000 }, async () => {
  const controlPlane = await startControlPlane();
  const { key, subscriptionId } = await seed(controlPlane);
  const gateway = await startGateway(controlPlane, { args: WORKERS });
  await eventually(() => readiness(gateway), CONNECTED);
  expect(await statuses(gateway, key)).toEqual(all(200));

  await call(controlPlane, `POST /v1/subscriptions/${subscriptionId}/revoke`);

  await eventually(() => statuses(gateway, key), all(401), SOON_MS);
  expect(gateway.output()).not.toContain(key);
});

it('speaks TLS behind a proxy that tells of its clients in PROXY headers (DP26)', { timeout: 60_000 }, async () => {
  const authority = createAuthority();
  const { cert, key: certKey } = authority.issue('localhost', { names: ['localhost'] });
  const controlPlane = await startControlPlane();
  const { key } = await seed(controlPlane);
  const args = [...WORKERS, '--tls-cert', cert, '--tls-key', certKey, '--trusted-proxies', '127.0.0.1', '--proxy-protocol', 'true'];
  const gateway = await startGateway(controlPlane, { args });
  const text = `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key}\r\nConnection: close\r\n\r\n`;
  // The signature, version 2 and PROXY, TCP over IPv4, twelve bytes: 198.51.100.7 to 10.0.0.1.
  const header = Buffer.from('0d0a0d0a000d0a515549540a2111000cc63364070a000001c0010bb9', 'hex');
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(gateway.port, '127.0.0.1', () => {
        socket.write(header);
        let answer = '';
        connectTls({ socket, ca: authority.pem, servername: 'localhost' })
          .on('error', reject)
          .on('data', (chunk: Buffer) => (answer += chunk.toString()))
          .on('close', () => resolve(answer.slice(0, 15)))
          .write(text);
      });
    });

  await eventually(ask, 'HTTP/1.1 200 OK');
  const answers = await Promise.all([ask(), ask(), ask(), ask()]);

  expect(answers).toEqual(answers.map(() => 'HTTP/1.1 200 OK'));
  const clients = (): number => gateway.output().split('"client_ip":"198.51.100.7"').length - 1;
  await expect.poll(clients, { timeout: 20_000 }).toBeGreaterThanOrEqual(5);
});

it('carries WebSockets through every worker', { timeout: 60_000 }, async () => {
  const echo = createServer().on('upgrade', (_req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void echo.close());
  const gateway = await startGateway(await startControlPlane(), { args: WORKERS });
  const api = { id: 'echo', name: 'echo', tenant_id: 'acme', path_prefix: '/echo', auth_required: false, activated: true };
  const body = JSON.stringify({ ...api, backend_url: `http://127.0.0.1:${(echo.address() as AddressInfo).port}`, methods: ['GET'] });
  const published = await fetch(`${gateway.url}/admin/apis`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN}` }, body });
  expect(published.status).toBe(201);

  const talk = (): Promise<string> =>
    new Promise((resolve, reject) => {
      let seen = '';
      const socket = connect(gateway.port, '127.0.0.1').on('error', reject);
      socket.write('GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.on('data', (chunk: Buffer) => {
        if (seen === '') socket.write('ping over the tunnel');
        seen += chunk.toString();
        if (seen.endsWith('ping over the tunnel')) socket.end();
      });
      socket.on('close', () => resolve(seen.slice(0, 12) + seen.slice(-20)));
    });
  const seen = await Promise.all([talk(), talk(), talk(), talk()]);

  expect(seen).toEqual(seen.map(() => 'HTTP/1.1 101ping over the tunnel'));
});

it('serves MCP clients, whose calls are counted together with requests (DP24)', { timeout: 60_000 }, async () => {
  const controlPlane = await startControlPlane();
  const { key } = await seed(controlPlane);
  const config = { limit: 7, window_secs: 3600 };
  await call(controlPlane, 'POST /v1/admin/policies', { name: 'p', policy_type: 'rate_limit', tenant_id: 'acme', scope: 'tenant', config });
  const gateway = await startGateway(controlPlane, { args: WORKERS });
  await eventually(() => readiness(gateway), CONNECTED);
  const client = new Client({ name: 'tests', version: '1' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), { requestInit: { headers: { 'x-api-key': key } } }),
  );
  onTestFinished(() => client.close());

  const { tools } = await client.listTools();
  const calls = await Promise.all(Array.from({ length: 6 }, () => client.callTool({ name: 'payments_get', arguments: { path: '/x' } })));
  const answers = [await status(gateway, key), await status(gateway, key)];

  expect(tools.map(({ name }) => name)).toContain('payments_get');
  expect(calls.map(({ isError }) => isError ?? false)).toEqual(calls.map(() => false));
  expect(answers).toEqual([200, 429]);
  expect(upstream().waiting).toEqual([]);
});
