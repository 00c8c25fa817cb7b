/** What a gateway is started with: flags first, then the environment, then defaults. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { StoaError } from '../../schema/error.js';
import { readNetworks, TRUSTED_PROXIES_FLAG } from '../client-address.js';
import {
  type Environment,
  type FlagTexts,
  helpOf,
  isLoopback,
  isReadOnItsWay,
  LOG_VARIABLES,
  type LogFormat,
  type LogLevel,
  type Mode,
  MODE_FLAG,
  readBoolean,
  readLogging,
  readMode,
  readSecret,
  requireSafeProcess,
} from '../process-settings.js';
import { CLIENT_CERTIFICATES, type CertificateMode } from './client-certificate.js';
import { MCP_FLAGS, readMcp, type McpSettings } from './mcp-settings.js';
import type { TlsFiles } from './tls.js';
import { readWorkers, WORKERS_FLAGS } from './worker-settings.js';

export interface Settings {
  readonly mode: Mode;
  /** May be shared with a control plane and other gateways: this one keeps its files in a directory of its own below it. */
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
  /** Without a slash at its end; undefined for a gateway that follows nobody. */
  readonly controlPlaneUrl: string | undefined;
  /** Undefined turns the admin API off. */
  readonly adminToken: string | undefined;
  /** Undefined: whoever reaches the gateway may read its metrics. */
  readonly metricsToken: string | undefined;
  readonly gatewayToken: string | undefined;
  readonly client: { readonly id: string; readonly secret: string } | undefined;
  /** Peers whose `X-Forwarded-*` are believed. */
  readonly trustedProxies: readonly string[];
  /** Whether trusted proxies say by the PROXY protocol whose connections they pass on. */
  readonly proxyProtocol: boolean;
  /** Whether upstreams may be on loopback and private addresses: by default only where the gateway itself listens on loopback. */
  readonly allowPrivateUpstreams: boolean;
  /** Whether the gateway reads plain messages itself, in place of node. */
  readonly fastLane: boolean;
  /** Processes that serve traffic; 1: this one alone. */
  readonly workers: number;
  /** Undefined: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  readonly clientCertificates: CertificateMode;
  /** Undefined: MCP clients are not served. */
  readonly mcp: McpSettings | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export const FLAGS = {
  'data-dir': {
    type: 'string',
    value: 'DIR',
    variable: 'STOA_DATA_DIR',
    summary: 'Where a copy of the configuration is kept, below gateway-PORT.',
    absent: '.stoa',
  },
  host: { type: 'string', value: 'ADDRESS', variable: 'STOA_GATEWAY_HOST', summary: 'Address to listen on.', absent: '127.0.0.1' },
  port: { type: 'string', value: 'PORT', variable: 'STOA_GATEWAY_PORT', summary: 'Port to listen on.', absent: '3001' },
  'control-plane-url': {
    type: 'string',
    value: 'URL',
    variable: 'STOA_CONTROL_PLANE_URL',
    summary: 'Control plane to follow.',
    absent: 'none',
  },
  ...WORKERS_FLAGS,
  'trusted-proxies': TRUSTED_PROXIES_FLAG,
  'proxy-protocol': {
    type: 'string',
    value: 'true|false',
    variable: 'STOA_PROXY_PROTOCOL',
    summary: 'Expect version 2 of the PROXY protocol from trusted proxies.',
    absent: 'false',
  },
  'allow-private-upstreams': {
    type: 'string',
    value: 'true|false',
    variable: 'STOA_ALLOW_PRIVATE_UPSTREAMS',
    summary: 'Let upstreams be on private and loopback addresses.',
    absent: 'false, on loopback true',
  },
  'fast-lane': {
    type: 'string',
    value: 'true|false',
    variable: 'STOA_FAST_LANE',
    summary: 'Read plain messages in place of node, which costs less. Without TLS only.',
    absent: 'true',
  },
  'tls-cert': {
    type: 'string',
    value: 'FILES',
    variable: 'STOA_TLS_CERT',
    summary: 'Certificates, parted by commas.',
    absent: 'plain HTTP',
  },
  'tls-key': { type: 'string', value: 'FILES', variable: 'STOA_TLS_KEY', summary: 'Their keys, in the same order.', absent: 'none' },
  'client-ca': {
    type: 'string',
    value: 'FILE',
    variable: 'STOA_CLIENT_CA',
    summary: 'Authorities that sign the certificates of clients.',
    absent: 'none',
  },
  'client-certificates': {
    type: 'string',
    value: 'off|optional|required',
    variable: 'STOA_CLIENT_CERTIFICATES',
    summary: 'Whether clients show certificates.',
    absent: 'off, with --client-ca optional',
  },
  ...MCP_FLAGS,
  mode: MODE_FLAG,
} as const satisfies FlagTexts;

export const VARIABLES = {
  STOA_ADMIN_TOKEN: 'Opens /admin; without it every admin route answers 503 (or STOA_ADMIN_TOKEN_FILE).',
  STOA_METRICS_TOKEN: 'Opens /metrics; without it they are open (or STOA_METRICS_TOKEN_FILE).',
  STOA_GATEWAY_TOKEN: 'Opens the control plane (or STOA_GATEWAY_TOKEN_FILE, or gateway.token in the data directory).',
  STOA_CLIENT_ID: 'With STOA_CLIENT_SECRET, in place of a gateway token.',
  STOA_CLIENT_SECRET: 'Its secret (or STOA_CLIENT_SECRET_FILE).',
  ...LOG_VARIABLES,
} as const;

/** `--help`; undefined when it was not asked for. */
export const helpText = (args: readonly string[]): string | undefined => helpOf(args, 'gateway.js', FLAGS, VARIABLES);

type Flag = keyof typeof FLAGS;

/** Reads flags and environment; each flag has a variable, `STOA_GATEWAY_PORT` for `--port`. Throws `usage_error`, also for what is not safe in production. */
export function readSettings(args: readonly string[], env: Environment): Settings {
  const flags = readFlags(args);
  const filled = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const setting: Setting = (flag, variable) => flags[flag] ?? filled(variable);
  const host = setting('host', 'STOA_GATEWAY_HOST') ?? '127.0.0.1';
  const url = setting('control-plane-url', 'STOA_CONTROL_PLANE_URL');
  const [id, secret] = [filled('STOA_CLIENT_ID'), readSecret(env, 'STOA_CLIENT_SECRET')];
  const trustedProxies = readNetworks(setting('trusted-proxies', 'STOA_TRUSTED_PROXIES') ?? '');
  const settings: Settings = {
    mode: readMode(setting('mode', 'STOA_MODE'), host),
    dataDirectory: path.resolve(setting('data-dir', 'STOA_DATA_DIR') ?? '.stoa'),
    host,
    port: readPort(setting('port', 'STOA_GATEWAY_PORT') ?? '3001'),
    controlPlaneUrl: url === undefined ? undefined : readUrl(url),
    adminToken: readSecret(env, 'STOA_ADMIN_TOKEN'),
    metricsToken: readSecret(env, 'STOA_METRICS_TOKEN'),
    gatewayToken: readSecret(env, 'STOA_GATEWAY_TOKEN'),
    client: id === undefined || secret === undefined ? undefined : { id, secret },
    trustedProxies,
    proxyProtocol: readProxyProtocol(setting('proxy-protocol', 'STOA_PROXY_PROTOCOL'), trustedProxies.length > 0),
    fastLane: readBoolean('fast-lane', setting('fast-lane', 'STOA_FAST_LANE'), true),
    ...readTls(setting, trustedProxies.length > 0),
    allowPrivateUpstreams: readBoolean(
      'allow-private-upstreams',
      setting('allow-private-upstreams', 'STOA_ALLOW_PRIVATE_UPSTREAMS'),
      isLoopback(host),
    ),
    ...readWorkers(setting, readMcp(setting, isLoopback(host))),
    ...readLogging(env),
  };
  if (settings.mode === 'production') requireSafe(settings, env);
  return settings;
}

function requireSafe({ adminToken, metricsToken, gatewayToken, client, controlPlaneUrl }: Settings, env: Environment): void {
  requireSafeProcess(env, {
    STOA_ADMIN_TOKEN: adminToken,
    STOA_METRICS_TOKEN: metricsToken,
    STOA_GATEWAY_TOKEN: gatewayToken,
    STOA_CLIENT_SECRET: client?.secret,
  });
  if (client !== undefined && gatewayToken === undefined && controlPlaneUrl !== undefined && isReadOnItsWay(controlPlaneUrl))
    throw new StoaError('usage_error', `STOA_CLIENT_SECRET would go to ${controlPlaneUrl} without TLS, which is not safe in production.`, {
      hint: 'Give an https address, or STOA_GATEWAY_TOKEN, which opens no more than the stream of changes.',
    });
}

type Setting = (flag: Flag, variable: string) => string | undefined;

/** Lists are parted by commas: the first key belongs to the first certificate. */
function readTls(setting: Setting, hasProxies: boolean): Pick<Settings, 'tls' | 'clientCertificates'> {
  const [certs, keys] = [listOf(setting('tls-cert', 'STOA_TLS_CERT')), listOf(setting('tls-key', 'STOA_TLS_KEY'))];
  const clientCa = setting('client-ca', 'STOA_CLIENT_CA');
  if (certs.length !== keys.length)
    throw new StoaError('usage_error', `--tls-cert names ${certs.length} files and --tls-key ${keys.length}.`, {
      hint: 'Give one key for each certificate, in the same order, parted by commas.',
    });
  const tls = certs.length === 0 ? undefined : { certificates: certs.map((cert, index) => ({ cert, key: keys[index] ?? '' })), clientCa };
  if (clientCa !== undefined && tls === undefined)
    throw new StoaError('usage_error', '--client-ca needs --tls-cert and --tls-key: without TLS no client shows a certificate.');
  const clientCertificates = readCertificateMode(
    setting('client-certificates', 'STOA_CLIENT_CERTIFICATES') ?? (clientCa === undefined ? 'off' : 'optional'),
  );
  if (clientCertificates !== 'off' && clientCa === undefined && !hasProxies)
    throw new StoaError('usage_error', `--client-certificates ${clientCertificates} has nobody to learn of certificates from.`, {
      hint: 'Give --client-ca for clients that connect directly, or --trusted-proxies for those behind a proxy.',
    });
  return { tls, clientCertificates };
}

const listOf = (text = ''): string[] =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);

function readCertificateMode(text: string): CertificateMode {
  const mode = CLIENT_CERTIFICATES.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw new StoaError('usage_error', `--client-certificates is ${CLIENT_CERTIFICATES.join(', ')}; "${text}" is none of them.`);
}

function readFlags(args: readonly string[]): Partial<Record<Flag, string>> {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const known = Object.keys(FLAGS).map((name) => `--${name}`);
    throw new StoaError('usage_error', error instanceof Error ? error.message : String(error), { hint: `Flags: ${known.join(', ')}.` });
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new StoaError('usage_error', `--port takes a port number; "${text}" is none.`);
}

function readUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '').replace(/\/v1$/, '');
  throw new StoaError('usage_error', `--control-plane-url takes an address such as http://127.0.0.1:8000; "${text}" is none.`);
}

function readProxyProtocol(text: string | undefined, hasProxies: boolean): boolean {
  const isOn = readBoolean('proxy-protocol', text, false);
  if (isOn && !hasProxies)
    throw new StoaError('usage_error', '--proxy-protocol needs --trusted-proxies: anybody else could say to be any client.');
  return isOn;
}
