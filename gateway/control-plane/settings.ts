/** What the control plane is started with: flags first, then the environment, then defaults. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { StoaError } from '../../schema/error.js';
import { isSecureIssuer } from '../../schema/issuer-url.js';
import { DEFAULT_PLATFORM_LIMIT } from './auth/tier-limits.js';
import { logLevel } from './log.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Settings {
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
  /** Whether tokens are made here, too. */
  readonly hasEmbeddedIssuer: boolean;
  readonly allowPrivateWebhooks: boolean;
  /** How long the audit log is kept; 0 for ever. */
  readonly auditRetentionDays: number;
  readonly clientSecret: string | undefined;
  readonly bootstrapSecret: string | undefined;
  readonly gatewayToken: string | undefined;
  readonly logLevel: string;
  readonly logFormat: 'json' | 'text';
}

const OPTIONS = {
  'data-dir': { type: 'string', default: '.stoa' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '8000' },
  'alias-ports': { type: 'string', default: '' },
  'gateway-url': { type: 'string', default: 'http://127.0.0.1:3001' },
  'public-url': { type: 'string' },
  'oidc-issuer': { type: 'string', multiple: true, default: [] as string[] },
  'oidc-audience': { type: 'string' },
  'no-embedded-issuer': { type: 'boolean', default: false },
  'allow-private-webhooks': { type: 'boolean', default: false },
  'platform-rate-limit': { type: 'string', default: String(DEFAULT_PLATFORM_LIMIT) },
  'audit-retention-days': { type: 'string', default: '365' },
} as const;

/** Reads flags and environment. Throws `usage_error`. */
export function readSettings(args: readonly string[], env: Environment): Settings {
  const flags = readFlags(args);
  const filled = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    dataDirectory: path.resolve(flags['data-dir']),
    host: flags.host,
    port: readPort('port', flags.port),
    aliasPorts: flags['alias-ports'] === '' ? [] : flags['alias-ports'].split(',').map((port) => readPort('alias-ports', port)),
    gatewayUrl: readUrl('gateway-url', flags['gateway-url']),
    publicUrl: flags['public-url'] === undefined ? undefined : readUrl('public-url', flags['public-url']),
    ...readIssuers(flags['oidc-issuer'], flags['oidc-audience'], flags['no-embedded-issuer']),
    allowPrivateWebhooks: flags['allow-private-webhooks'],
    platformLimit: readCount('platform-rate-limit', flags['platform-rate-limit']),
    auditRetentionDays: flags['audit-retention-days'] === '0' ? 0 : readCount('audit-retention-days', flags['audit-retention-days']),
    clientSecret: filled('STOA_CLIENT_SECRET'),
    bootstrapSecret: filled('STOA_BOOTSTRAP_SECRET'),
    gatewayToken: filled('STOA_GATEWAY_TOKEN'),
    logLevel: logLevel(filled('STOA_LOG_LEVEL') ?? filled('LOG_LEVEL')),
    logFormat: env['LOG_FORMAT'] === 'text' ? 'text' : 'json',
  };
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

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new StoaError('usage_error', (error as Error).message, {
      hint: `Flags: ${Object.keys(OPTIONS)
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
