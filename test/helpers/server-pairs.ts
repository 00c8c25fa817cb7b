/** Control plane and gateway as real processes in one directory, an upstream behind them, and what tests ask of all three. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { startServer, type Server } from './processes.js';

export const ADMIN = 'e2e-admin-token';
export const SECRET = 'e2e-client-secret';

export const CONNECTED = { status: 'ready', control_plane: 'connected' };
export const AWAY = { status: 'ready', control_plane: 'disconnected' };
/** What the product promises is 1 s; a loaded machine needs more to ask at all. */
export const SOON_MS = 5000;

interface Upstream {
  readonly url: string;
  /** Answers to `/slow` that are held back. */
  readonly waiting: ServerResponse[];
  close(): void;
}

export interface ServerOptions {
  readonly port?: number;
  readonly dataDir?: string;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** A command that runs it, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

/** Calls the control plane as its admin, and expects that to succeed. */
export async function call(controlPlane: Pick<Server, 'url'>, line: string, body?: unknown) {
  const [method = '', path = ''] = line.split(' ');
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: SECRET });
  const token = await fetch(`${controlPlane.url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body: form });
  const { access_token: bearer } = (await token.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const response = await fetch(controlPlane.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  expect(response.status, `${line}: ${text}`).toBeLessThan(300);
  return text === '' ? undefined : JSON.parse(text);
}

/** The status of a request with a key. */
export async function status(gateway: Pick<Server, 'url'>, key: string, path = '/apis/acme/payments/v1/x'): Promise<number> {
  const response = await fetch(gateway.url + path, { headers: { 'x-api-key': key } });
  await response.arrayBuffer();
  return response.status;
}

export const readiness = async (gateway: Pick<Server, 'url'>): Promise<unknown> => (await fetch(`${gateway.url}/health/ready`)).json();

/** Polls until a value is as expected; fails with the last one seen. */
export async function eventually<T>(look: () => Promise<T>, expected: T, withinMs = 20_000): Promise<number> {
  const started = Date.now();
  for (;;) {
    const seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(expected)) return Date.now() - started;
    if (Date.now() - started > withinMs) expect(seen).toEqual(expected);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function startUpstream(): Promise<Upstream> {
  const waiting: ServerResponse[] = [];
  const server = createServer((req, res) => (req.url === '/slow' ? waiting.push(res) : res.end(req.url))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, waiting, close };
}

/** For the tests of one file: a directory and an upstream for each test, and all servers killed behind it. */
export function serverPairs() {
  const state = { directory: '', upstream: undefined as Upstream | undefined };
  const servers: Server[] = [];
  beforeEach(async () => {
    state.directory = mkdtempSync(join(tmpdir(), 'stoa-gateway-'));
    state.upstream = await startUpstream();
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.end('SIGKILL')));
    state.upstream?.close();
    rmSync(state.directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const start = async (...given: Parameters<typeof startServer>): Promise<Server> => {
    const server = await startServer(...given);
    servers.push(server);
    return server;
  };
  const upstream = (): Upstream => {
    if (state.upstream === undefined) throw new Error('Outside of a test there is no upstream.');
    return state.upstream;
  };
  return {
    directory: () => state.directory,
    upstream,
    startControlPlane: (port = 0, options: Omit<ServerOptions, 'port'> = {}): Promise<Server> => {
      const { dataDir = state.directory, args = [] } = options;
      return start('control-plane', ['--data-dir', dataDir, '--port', String(port), '--gateway-url', 'http://127.0.0.1:1', ...args], {
        STOA_CLIENT_SECRET: SECRET,
        ...options.env,
      });
    },
    startGateway: (controlPlane: Pick<Server, 'url'>, options: ServerOptions = {}): Promise<Server> => {
      const { dataDir = state.directory, port = 0, args = [] } = options;
      return start(
        'gateway',
        ['--data-dir', dataDir, '--port', String(port), '--control-plane-url', controlPlane.url, ...args],
        { STOA_ADMIN_TOKEN: ADMIN, ...options.env },
        { within: options.within ?? [] },
      );
    },
    /** A tenant with one API, one consumer and one subscription, and its key. */
    async seed(controlPlane: Server) {
      await call(controlPlane, 'POST /v1/tenants', { name: 'acme', tier: 'starter', admin_email: 'admin@example.com' });
      const api = await call(controlPlane, 'POST /v1/tenants/acme/apis', {
        name: 'payments',
        upstream_url: upstream().url,
        path: '/payments',
        version: 'v1',
      });
      const consumer = await call(controlPlane, 'POST /v1/consumers/acme', {
        name: 'my-consumer',
        external_id: 'u-1',
        email: 'u@example.com',
      });
      const body = { consumer_id: consumer.id, api_id: api.id, tenant_id: 'acme' };
      const subscription = await call(controlPlane, 'POST /v1/subscriptions', body);
      return { apiId: api.id as string, subscriptionId: subscription.id as string, key: subscription.api_key as string };
    },
  };
}
