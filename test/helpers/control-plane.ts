/** A whole control plane in this process: real server, real database in memory, real tokens; the clock is the test's. */
import { EventEmitter, once } from 'node:events';
import { tmpdir } from 'node:os';
import type BetterSqlite from 'better-sqlite3';
import type { FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import { catalog } from '../../gateway/catalog.js';
import { createPipelineIssuers } from '../../gateway/control-plane/auth/pipelines.js';
import { createExternalIssuer, type ExternalIssuerOptions } from '../../gateway/control-plane/auth/external-issuer.js';
import { loadClients } from '../../gateway/control-plane/auth/secrets.js';
import { createTokens, newSigningKey } from '../../gateway/control-plane/auth/tokens.js';
import type { ControlPlane } from '../../gateway/control-plane/context.js';
import { openMemoryDatabase } from '../../gateway/control-plane/database/open.js';
import { createLog } from '../../gateway/control-plane/log.js';
import { buildServer } from '../../gateway/control-plane/server.js';
import { createTelemetry } from '../../gateway/control-plane/telemetry.js';
import { createVault } from '../../gateway/control-plane/vault.js';
import type { PipelineRule } from '../../schema/pipelines.js';
import { requireDocumentedAnswer } from './documented-answer.js';

export const CLIENT_SECRET = 'test-client-secret';
export const GATEWAY_TOKEN = 'test-gateway-token';

/** Method and path in one: `GET /v1/tenants`. `body` may be of any type: it is sent as JSON. */
type Send = (
  line: string,
  body?: unknown,
  options?: { readonly token?: string | null; readonly headers?: Readonly<Record<string, string>> },
) => Promise<Answer>;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | string[] | undefined>>;
  // Answers are looked at field by field; a wrong field fails the test that reads it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
  readonly text: string;
}

export interface TestControlPlane {
  readonly cp: ControlPlane;
  readonly app: FastifyInstance;
  /** Access token of a cpi-admin. */
  readonly token: string;
  /** Sends with the admin's token, unless another one is given; null sends none. */
  readonly send: Send;
  /** A token with this scope: `tenant:acme role:viewer`. */
  tokenFor(scope: string): Promise<string>;
  /** Lines of the log so far. */
  readonly logLines: readonly string[];
  advance(ms: number): void;
  /** Makes SQLite refuse every write, as on a full or read-only disk. */
  setReadOnly(isReadOnly: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Opens one; `close` ends it. */
export async function openControlPlane(
  options: {
    readonly now?: number;
    readonly oidc?: ExternalIssuerOptions;
    readonly pipelines?: readonly PipelineRule[];
    readonly hasEmbeddedIssuer?: boolean;
    readonly isInContainer?: boolean;
    readonly hasPortal?: boolean;
    readonly portalPort?: number;
    readonly trustedProxies?: readonly string[];
    /** The driver's own handle, for a test that watches or disturbs it. */
    readonly database?: BetterSqlite.Database;
  } = {},
): Promise<TestControlPlane> {
  const { db, close } = await openMemoryDatabase(options.database);
  const bell = new EventEmitter().setMaxListeners(0);
  const logLines: string[] = [];
  let now = options.now ?? Date.now();
  const cp: ControlPlane = {
    db,
    catalog,
    log: createLog({ level: 'debug', format: 'json', destination: { write: (line: string) => void logLines.push(line) } }),
    now: () => now,
    gatewayUrl: 'https://gateway.example.test',
    publicUrl: 'https://api.example.test',
    announce: () => void bell.emit('ring'),
    nextAnnouncement: async () => void (await once(bell, 'ring')),
    allowPrivateWebhooks: true,
    vault: createVault(Buffer.alloc(32, 7)),
    gatewayToken: GATEWAY_TOKEN,
    telemetry: createTelemetry(Date.now, tmpdir()),
    auditRetentionDays: 365,
    hasPortal: options.hasPortal ?? false,
    isInContainer: options.isInContainer ?? false,
  };
  const clients = await loadClients(cp, { clientSecret: CLIENT_SECRET });
  const tokens = await createTokens(cp, newSigningKey());
  const { oidc, pipelines = [], hasEmbeddedIssuer = true } = options;
  const app = await buildServer({
    cp,
    embeddedIssuer: hasEmbeddedIssuer ? { clients, tokens, realms: ['master', 'stoa'] } : undefined,
    externalIssuers: [...(oidc === undefined ? [] : [createExternalIssuer(cp, oidc)]), ...createPipelineIssuers(cp, pipelines)],
    version: '0.0.0-test',
    portalPort: options.portalPort,
    trustedProxies: options.trustedProxies,
  });
  const tokenFor = (scope: string) => fetchToken(app, scope);
  const token = hasEmbeddedIssuer ? await tokenFor('') : '';
  return {
    cp,
    app,
    token,
    send: createSend(app, token),
    tokenFor,
    logLines,
    advance: (ms) => (now += ms),
    setReadOnly: async (isReadOnly) => void (await sql`pragma query_only = ${sql.lit(isReadOnly ? 1 : 0)}`.execute(db)),
    close: async () => {
      await app.close();
      await close();
    },
  };
}

async function fetchToken(app: FastifyInstance, scope: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'control-plane-api',
    client_secret: CLIENT_SECRET,
    scope,
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await app.inject({ method: 'POST', url: '/realms/stoa/protocol/openid-connect/token', headers, payload: form.toString() });
  if (answer.statusCode !== 200) throw new Error(`No token: ${answer.body}`);
  return answer.json<{ access_token: string }>().access_token;
}

function createSend(app: FastifyInstance, adminToken: string): Send {
  return async (line, body, { token = adminToken, headers = {} } = {}) => {
    const [method = 'GET', url = '/'] = line.split(' ');
    const answer = await app.inject({
      method,
      url,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    const isJson = String(answer.headers['content-type']).startsWith('application/json') && answer.body !== '';
    const parsed = isJson ? answer.json<unknown>() : undefined;
    requireDocumentedAnswer(line, answer.statusCode, parsed);
    return { status: answer.statusCode, headers: answer.headers, body: parsed, text: answer.body };
  };
}
