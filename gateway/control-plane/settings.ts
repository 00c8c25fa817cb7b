/** What the control plane is started with: flags first, then the environment, then defaults. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { StoaError } from '../../schema/error.js';
import { isSecureIssuer } from '../../schema/issuer-url.js';
import type { PipelineRule } from '../../schema/pipelines.js';
import { readNetworks, TRUSTED_PROXIES_FLAG } from '../client-address.js';
import {
  helpOf,
  isInContainer,
  isReadOnItsWay,
  LOG_VARIABLES,
  MODE_FLAG,
  readLogging,
  readMode,
  readSecret,
  requireSafeProcess,
  type Environment,
  type FlagTexts,
  type LogFormat,
  type LogLevel,
  type Mode,
} from '../process-settings.js';
import { readPipelines } from './auth/pipelines.js';
import { DEFAULT_PLATFORM_LIMIT } from './auth/tier-limits.js';

export interface Settings {
  readonly mode: Mode;
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
  /** Further ports that answer the same, where they are free. */
  readonly aliasPorts: readonly number[];
  readonly gatewayUrl: string;
  /** Undefined: the address that is listened on. */
  readonly publicUrl: string | undefined;
  /** Calls an hour of clients without a tenant. */
  readonly platformLimit: number;
  /** `iss` of the tokens that are accepted beside those of the embedded issuer, each as it is written there. */
  readonly oidcIssuers: readonly string[];
  /** What `aud` of such a token must hold. */
  readonly oidcAudience: string | undefined;
  /** Pipelines whose own tokens are accepted. */
  readonly pipelines: readonly PipelineRule[];
  /** Realms in which tokens are made here. */
  readonly realms: readonly string[];
  /** Whether tokens are made here, too. */
  readonly hasEmbeddedIssuer: boolean;
  readonly allowPrivateWebhooks: boolean;
  /** Whether strangers may ask for access at /portal. */
  readonly hasPortal: boolean;
  /** Addresses and networks of proxies that are believed when they say who the client is. */
  readonly trustedProxies: readonly string[];
  /** How long the audit log is kept; 0 for ever. */
  readonly auditRetentionDays: number;
  /** Whether an upstream on loopback can only be meant for another machine (row DP29). */
  readonly isInContainer: boolean;
  readonly clientSecret: string | undefined;
  readonly bootstrapSecret: string | undefined;
  readonly gatewayToken: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export const FLAGS = {
  'data-dir': { type: 'string', default: '.stoa', value: 'DIR', summary: 'Where everything is kept.' },
  host: { type: 'string', default: '127.0.0.1', value: 'ADDRESS', summary: 'Address to listen on.' },
  port: { type: 'string', default: '8000', value: 'PORT', summary: 'Port to listen on.' },
  'alias-ports': { type: 'string', default: '', value: 'PORTS', summary: 'Further ports that answer the same.', absent: 'none' },
  'gateway-url': { type: 'string', default: 'http://127.0.0.1:3001', value: 'URL', summary: 'Where clients reach the gateway.' },
  'public-url': { type: 'string', value: 'URL', summary: 'Where others reach this server.', absent: 'the address that is listened on' },
  'oidc-issuer': {
    type: 'string',
    multiple: true,
    default: [] as string[],
    value: 'URL',
    summary: 'Issuer whose tokens are accepted; may be repeated.',
    absent: 'none',
  },
  'oidc-audience': { type: 'string', value: 'NAME', summary: 'What aud of such a token must hold.', absent: 'none' },
  pipelines: { type: 'string', value: 'FILE', summary: 'Pipelines that sign in with the tokens of their own system.', absent: 'none' },
  realms: {
    type: 'string',
    value: 'NAMES',
    variable: 'STOA_REALMS',
    summary: 'Realms in which tokens are issued here.',
    absent: 'master,stoa',
  },
  'no-embedded-issuer': { type: 'boolean', default: false, summary: 'Issue no tokens here.', absent: 'tokens are issued' },
  'allow-private-webhooks': {
    type: 'boolean',
    default: false,
    summary: 'Let webhooks call private and loopback addresses.',
    absent: 'refused',
  },
  portal: { type: 'boolean', default: false, summary: 'Let clients ask for access at /portal.', absent: 'nobody may' },
  'trusted-proxies': TRUSTED_PROXIES_FLAG,
  'platform-rate-limit': {
    type: 'string',
    default: String(DEFAULT_PLATFORM_LIMIT),
    value: 'NUMBER',
    summary: 'Calls an hour of clients without a tenant.',
  },
  'audit-retention-days': { type: 'string', default: '365', value: 'DAYS', summary: 'How long the audit log is kept; 0 for ever.' },
  mode: MODE_FLAG,
} as const satisfies FlagTexts;

export const VARIABLES = {
  STOA_CLIENT_SECRET: 'Secret of the clients control-plane-api and stoa-api; needed in production (or STOA_CLIENT_SECRET_FILE).',
  STOA_GATEWAY_TOKEN: 'With it a gateway may follow; made at the first start when absent (or STOA_GATEWAY_TOKEN_FILE).',
  ...LOG_VARIABLES,
} as const;

/** `--help`; undefined when it was not asked for. */
export const helpText = (args: readonly string[]): string | undefined => helpOf(args, 'control-plane.js', FLAGS, VARIABLES);

/** Reads flags and environment. Throws `usage_error`, also for what is not safe in production. */
export function readSettings(args: readonly string[], env: Environment): Settings {
  const flags = readFlags(args);
  const filled = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const settings: Settings = {
    mode: readMode(flags.mode ?? filled('STOA_MODE'), flags.host),
    dataDirectory: path.resolve(flags['data-dir']),
    host: flags.host,
    port: readPort('port', flags.port),
    aliasPorts: flags['alias-ports'] === '' ? [] : flags['alias-ports'].split(',').map((port) => readPort('alias-ports', port)),
    gatewayUrl: readUrl('gateway-url', flags['gateway-url']),
    publicUrl: flags['public-url'] === undefined ? undefined : readUrl('public-url', flags['public-url']),
    ...readIssuers(flags['oidc-issuer'], flags['oidc-audience'], flags['no-embedded-issuer']),
    realms: readRealms(flags.realms ?? filled('STOA_REALMS') ?? FLAGS.realms.absent),
    pipelines: flags.pipelines === undefined ? [] : readPipelines(flags.pipelines),
    allowPrivateWebhooks: flags['allow-private-webhooks'],
    hasPortal: flags.portal,
    trustedProxies: readNetworks(flags['trusted-proxies'] ?? filled('STOA_TRUSTED_PROXIES') ?? ''),
    platformLimit: readCount('platform-rate-limit', flags['platform-rate-limit']),
    auditRetentionDays: flags['audit-retention-days'] === '0' ? 0 : readCount('audit-retention-days', flags['audit-retention-days']),
    isInContainer: isInContainer(env, flags.host),
    clientSecret: readSecret(env, 'STOA_CLIENT_SECRET'),
    bootstrapSecret: readSecret(env, 'STOA_BOOTSTRAP_SECRET'),
    gatewayToken: readSecret(env, 'STOA_GATEWAY_TOKEN'),
    ...readLogging(env),
  };
  requireOneReading(settings);
  if (settings.mode === 'production') requireSafe(settings, env);
  return settings;
}

/** The tokens of one issuer are read by one set of rules. */
function requireOneReading({ oidcIssuers, pipelines }: Settings): void {
  const both = pipelines.find(({ issuer }) => oidcIssuers.includes(issuer));
  if (both === undefined) return;
  throw new StoaError('usage_error', `${both.issuer} is an issuer of --oidc-issuer and of --pipelines.`, {
    hint: 'Name it in one of them.',
  });
}

function requireSafe({ clientSecret, bootstrapSecret, gatewayToken, ...settings }: Settings, env: Environment): void {
  requireSafeProcess(env, {
    STOA_CLIENT_SECRET: clientSecret,
    STOA_BOOTSTRAP_SECRET: bootstrapSecret,
    STOA_GATEWAY_TOKEN: gatewayToken,
  });
  if (settings.hasEmbeddedIssuer && clientSecret === undefined)
    throw new StoaError('usage_error', 'STOA_CLIENT_SECRET is needed in production: one that is made and shown would stay in a log.', {
      hint: 'Set STOA_CLIENT_SECRET_FILE to a file with 32 random characters or more: openssl rand -hex 32.',
    });
  const plain = [...settings.oidcIssuers, ...settings.pipelines.map(({ issuer }) => issuer)].find((issuer) => !issuer.startsWith('https:'));
  if (plain !== undefined)
    throw new StoaError('usage_error', `The issuer ${plain} is not safe in production: its keys would come without TLS.`, {
      hint: 'Give an https address.',
    });
  if (settings.publicUrl !== undefined && isReadOnItsWay(settings.publicUrl))
    throw new StoaError('usage_error', `--public-url ${settings.publicUrl} is not safe in production: tokens would travel without TLS.`, {
      hint: 'Put a proxy that ends TLS before this server and give its https address.',
    });
}

function readIssuers(
  oidcIssuers: readonly string[],
  oidcAudience: string | undefined,
  isOff: boolean,
): Pick<Settings, 'oidcIssuers' | 'oidcAudience' | 'hasEmbeddedIssuer'> {
  const insecure = oidcIssuers.find((issuer) => !isSecureIssuer(issuer));
  if (insecure !== undefined) {
    throw new StoaError('usage_error', `--oidc-issuer takes an https address; "${insecure}" is none.`, {
      hint: 'Only on loopback may it be http.',
    });
  }
  if (oidcIssuers.length > 0 && (oidcAudience ?? '') === '') {
    throw new StoaError('usage_error', '--oidc-issuer needs --oidc-audience.', {
      hint: 'Without it a token for any other service would open this one.',
    });
  }
  if (isOff && oidcIssuers.length === 0) {
    throw new StoaError('usage_error', '--no-embedded-issuer needs --oidc-issuer.', { hint: 'Otherwise nobody could sign in.' });
  }
  return { oidcIssuers, oidcAudience, hasEmbeddedIssuer: !isOff };
}

function readRealms(text: string): string[] {
  const realms = text.split(',').map((realm) => realm.trim());
  const odd = realms.find((realm) => !/^[A-Za-z0-9._-]{1,64}$/.test(realm));
  if (odd === undefined) return realms;
  throw new StoaError('usage_error', `--realms takes names of 1 to 64 letters, digits, dots, underscores and hyphens; "${odd}" is none.`);
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new StoaError('usage_error', (error as Error).message, {
      hint: `Flags: ${Object.keys(FLAGS)
        .map((name) => `--${name}`)
        .join(', ')}.`,
    });
  }
}

function readPort(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new StoaError('usage_error', `--${flag} takes port numbers; "${text}" is none.`);
}

function readCount(flag: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new StoaError('usage_error', `--${flag} takes a whole number from 1; "${text}" is none.`);
}

function readUrl(flag: string, text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new StoaError('usage_error', `--${flag} takes an address such as https://gateway.example.com; "${text}" is none.`);
}
