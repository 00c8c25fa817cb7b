/** What a command works with, from flags, environment and stoa.config.yaml, in this order of precedence. Pure: the environment is passed in. */
import type { StoaConfig } from '../schema/config.js';
import { parseDuration } from '../schema/duration.js';
import { suggest } from '../schema/did-you-mean.js';
import { StoaError } from '../schema/error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A parsed stoa.config.yaml and where it was found. */
export interface ConfigFile {
  readonly file: string;
  readonly directory: string;
  readonly config: StoaConfig;
}

export type EnvironmentConfig = NonNullable<StoaConfig['environments']>[string];

export interface GlobalFlags {
  readonly server?: string | undefined;
  readonly environment?: string | undefined;
  readonly tenant?: string | undefined;
  readonly timeout?: string | undefined;
  readonly project?: string | undefined;
}

export interface Settings {
  /** Base address of the control plane, without `/v1` and without a slash at its end. */
  readonly server: string;
  /** Where the server's address comes from, for messages. */
  readonly serverOrigin: string;
  /** Base address of the token issuer. */
  readonly authServer: string;
  /** Base address of a gateway. */
  readonly gatewayServer: string;
  readonly realm: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** A ready access token; takes the place of client id and secret. */
  readonly token: string | undefined;
  readonly project: string;
  /** Name of the tenant that the command is limited to. */
  readonly tenant: string | undefined;
  readonly environmentName: string | undefined;
  readonly environment: EnvironmentConfig | undefined;
  readonly configFile: ConfigFile | undefined;
  readonly timeoutMs: number | undefined;
}

const DEFAULT_SERVER = 'http://127.0.0.1:8000';
const DEFAULT_GATEWAY = 'http://127.0.0.1:3001';

/** Resolves the settings of one command. Throws `usage_error` for an unknown environment, a bad duration or a bad address. */
export function resolveSettings(flags: GlobalFlags, env: Environment, configFile: ConfigFile | undefined): Settings {
  const environmentName = flags.environment ?? configFile?.config.default_environment;
  const environment = findEnvironment(environmentName, configFile, flags.environment !== undefined);
  const { server, origin } = serverOf(flags, env, environment, environmentName);
  return {
    server,
    serverOrigin: origin,
    authServer: baseUrl(env['STOA_AUTH_URL'] ?? environment?.auth_server ?? server, 'STOA_AUTH_URL'),
    gatewayServer: baseUrl(nonEmpty(env['STOA_GATEWAY_URL']) ?? environment?.gateway ?? DEFAULT_GATEWAY, 'STOA_GATEWAY_URL'),
    ...credentialsOf(env),
    project: flags.project ?? configFile?.config.project ?? 'default',
    tenant: flags.tenant ?? environment?.tenant,
    environmentName,
    environment,
    configFile,
    timeoutMs: flags.timeout === undefined ? undefined : timeoutMs(flags.timeout),
  };
}

const credentialsOf = (env: Environment): Pick<Settings, 'realm' | 'clientId' | 'clientSecret' | 'token'> => ({
  realm: env['STOA_REALM'] ?? 'stoa',
  clientId: env['STOA_CLIENT_ID'] ?? 'control-plane-api',
  clientSecret: nonEmpty(env['STOA_CLIENT_SECRET']),
  token: nonEmpty(env['STOA_TOKEN']),
});

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function findEnvironment(name: string | undefined, file: ConfigFile | undefined, isExplicit: boolean): EnvironmentConfig | undefined {
  if (name === undefined) return undefined;
  const environments = file?.config.environments ?? {};
  const found = Object.hasOwn(environments, name) ? environments[name] : undefined;
  if (found !== undefined || !isExplicit) return found;
  const names = Object.keys(environments);
  const nearest = suggest(name, names);
  throw new StoaError(
    'usage_error',
    `There is no environment "${name}"${file === undefined ? ': no stoa.config.yaml was found' : ` in ${file.file}`}.`,
    {
      hint:
        nearest !== undefined
          ? `Did you mean "${nearest}"?`
          : names.length === 0
            ? 'Declare it under "environments".'
            : `Known: ${names.join(', ')}.`,
    },
  );
}

function serverOf(
  flags: GlobalFlags,
  env: Environment,
  environment: EnvironmentConfig | undefined,
  name: string | undefined,
): { server: string; origin: string } {
  const candidates: readonly (readonly [string | undefined, string])[] = [
    [flags.server, '--server'],
    [nonEmpty(env['STOA_API_URL']), 'STOA_API_URL'],
    [environment?.server, `environment ${name ?? ''}`],
    [DEFAULT_SERVER, 'default'],
  ];
  const [url, origin] = candidates.find(([value]) => value !== undefined) ?? [DEFAULT_SERVER, 'default'];
  return { server: baseUrl(url ?? DEFAULT_SERVER, origin), origin };
}

/** An address without `/v1`, query and slashes at its end (decision K15). */
export function baseUrl(text: string, origin: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new StoaError('usage_error', `${origin}: "${text}" is not an http or https address.`, {
      hint: 'Write it as http://127.0.0.1:8000.',
    });
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
}

function timeoutMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0)
    throw new StoaError('usage_error', `--timeout: "${text}" is not a duration.`, { hint: 'Write it as 30s, 5m or 1h.' });
  return ms;
}
