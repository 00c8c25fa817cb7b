/** What a command works with, from flags, environment, stoa.config.yaml and the user's configuration, in this order of precedence. Pure: the environment is passed in. */
import type { StoaConfig } from '../schema/config.js';
import { parseDuration } from '../schema/duration.js';
import { suggest } from '../schema/did-you-mean.js';
import { StoaError } from '../schema/error.js';
import { isSecureIssuer } from '../schema/issuer-url.js';
import type { PipelineTokens } from './session.js';
import type { ChosenContext, Context } from './user-config.js';
import type { Environment } from './user-config-path.js';

export type { Environment };

/** A parsed stoa.config.yaml and where it was found. */
export interface ConfigFile {
  readonly file: string;
  readonly directory: string;
  readonly config: StoaConfig;
}

export type EnvironmentConfig = NonNullable<StoaConfig['environments']>[string];

export interface GlobalFlags {
  readonly server?: string | undefined;
  readonly context?: string | undefined;
  readonly environment?: string | undefined;
  readonly tenant?: string | undefined;
  readonly timeout?: string | undefined;
  readonly project?: string | undefined;
}

export interface Settings {
  /** Base address of the control plane, without `/v1` and without a slash at its end. */
  readonly server: string;
  /** Where each setting comes from, by its name in files: `--server`, `STOA_API_URL`, `environment staging`, `context local`, `default`; empty for none. */
  readonly origins: Readonly<Record<string, string>>;
  /** Base address of the token issuer. */
  readonly authServer: string;
  /** Base address of a gateway. */
  readonly gatewayServer: string;
  readonly realm: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** A ready access token; takes the place of client id and secret. */
  readonly token: string | undefined;
  /** The context that keeps the tokens of a person and renews them; undefined when the command is not opened by such. */
  readonly keptBy: string | undefined;
  /** Where a pipeline of GitHub gets a token of its own. */
  readonly pipeline: PipelineTokens | undefined;
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
const DEFAULT_PROJECT = 'default';
const DEFAULT_REALM = 'stoa';
const DEFAULT_CLIENT = 'control-plane-api';

/** A value that may be there, and where it comes from. */
type Candidate = readonly [value: string | undefined, origin: string];

/** The first that is there. */
const choose = (...candidates: readonly Candidate[]): Candidate =>
  candidates.find(([value]) => nonEmpty(value) !== undefined) ?? [undefined, ''];

/**
 * Resolves the settings of one command. Throws `usage_error` for an unknown environment, a bad duration or a bad address. A context counts for its own
 * server alone: what opens one is never sent to another.
 */
export function resolveSettings(
  flags: GlobalFlags,
  env: Environment,
  configFile: ConfigFile | undefined,
  chosen?: ChosenContext,
): Settings {
  const environmentName = flags.environment ?? configFile?.config.default_environment;
  const environment = findEnvironment(environmentName, configFile, flags.environment !== undefined);
  const found = settingsOf({ flags, env, configFile, environment, chosen, ofEnvironment: `environment ${environmentName ?? ''}` });
  const value = (name: keyof typeof found): string | undefined => nonEmpty(found[name][0]);
  return {
    server: value('server') ?? DEFAULT_SERVER,
    authServer: value('auth_server') ?? DEFAULT_SERVER,
    gatewayServer: baseUrl(value('gateway') ?? DEFAULT_GATEWAY, found.gateway[1]),
    realm: value('realm') ?? DEFAULT_REALM,
    clientId: value('client_id') ?? DEFAULT_CLIENT,
    clientSecret: value('client_secret'),
    token: value('token'),
    keptBy: value('refresh_token') === undefined ? undefined : chosen?.name,
    pipeline: pipelineOf(env),
    project: value('project') ?? DEFAULT_PROJECT,
    tenant: value('tenant'),
    origins: Object.fromEntries(
      Object.entries(found).map(([name, [given, origin]]) => [name, nonEmpty(given) === undefined ? '' : origin]),
    ),
    environmentName,
    environment,
    configFile,
    timeoutMs: flags.timeout === undefined ? undefined : timeoutMs(flags.timeout),
  };
}

interface Sources {
  readonly flags: GlobalFlags;
  readonly env: Environment;
  readonly configFile: ConfigFile | undefined;
  readonly environment: EnvironmentConfig | undefined;
  readonly ofEnvironment: string;
  readonly chosen: ChosenContext | undefined;
}

/** Each setting with its origin, by its name in files. */
function settingsOf(sources: Sources) {
  const { flags, env, configFile, environment, ofEnvironment, chosen } = sources;
  const ofContext = `context ${chosen?.name ?? ''}`;
  const [url, serverOrigin] = serverOf(sources, ofContext);
  const server = baseUrl(url ?? DEFAULT_SERVER, serverOrigin);
  const context = chosen !== undefined && baseUrl(chosen.context.server, ofContext) === server ? chosen.context : undefined;
  const contextAuth = issuerOf(context, ofContext);
  const [authServer, authOrigin] = authServerOf(sources, [contextAuth, ofContext], [server, serverOrigin]);
  return {
    server: [server, serverOrigin] as Candidate,
    auth_server: [authServer, authOrigin] as Candidate,
    gateway: choose(
      [env['STOA_GATEWAY_URL'], 'STOA_GATEWAY_URL'],
      [environment?.gateway, ofEnvironment],
      [context?.gateway, ofContext],
      [DEFAULT_GATEWAY, 'default'],
    ),
    ...credentialsOf(env, contextAuth === authServer ? context : undefined, ofContext),
    project: choose([flags.project, '--project'], [configFile?.config.project, configFile?.file ?? ''], [DEFAULT_PROJECT, 'default']),
    tenant: choose([flags.tenant, '--tenant'], [environment?.tenant, ofEnvironment], [context?.tenant, ofContext]),
  };
}

const issuerOf = (context: Context | undefined, origin: string): string | undefined =>
  context === undefined ? undefined : baseUrl(context.auth_server ?? context.server, origin);

const authServerOf = ({ env, environment, ofEnvironment }: Sources, ofContext: Candidate, ofServer: Candidate): [string, string] => {
  const [url, origin] = choose([env['STOA_AUTH_URL'], 'STOA_AUTH_URL'], [environment?.auth_server, ofEnvironment], ofContext, ofServer);
  return [baseUrl(url ?? DEFAULT_SERVER, origin), origin];
};

/** A context that was named is as good as a flag; the current one is asked last. */
const serverOf = ({ flags, env, environment, ofEnvironment, chosen }: Sources, ofContext: string): Candidate =>
  choose(
    [flags.server, '--server'],
    [flags.context === undefined ? undefined : chosen?.context.server, ofContext],
    [env['STOA_API_URL'], 'STOA_API_URL'],
    [environment?.server, ofEnvironment],
    [chosen?.context.server, ofContext],
    [DEFAULT_SERVER, 'default'],
  );

/** A secret in the environment takes the place of a token in the context, and the other way round. */
function credentialsOf(env: Environment, context: Context | undefined, ofContext: string) {
  const isGiven = nonEmpty(env['STOA_TOKEN']) !== undefined || nonEmpty(env['STOA_CLIENT_SECRET']) !== undefined;
  const own = isGiven ? undefined : context;
  return {
    realm: choose([env['STOA_REALM'], 'STOA_REALM'], [context?.realm, ofContext], [DEFAULT_REALM, 'default']),
    client_id: choose([env['STOA_CLIENT_ID'], 'STOA_CLIENT_ID'], [own?.client_id, ofContext], [DEFAULT_CLIENT, 'default']),
    client_secret: choose([env['STOA_CLIENT_SECRET'], 'STOA_CLIENT_SECRET'], [own?.client_secret, ofContext]),
    token: choose([env['STOA_TOKEN'], 'STOA_TOKEN'], [own?.token, ofContext]),
    refresh_token: choose([own?.refresh_token, ofContext]),
  };
}

/** GitHub sets both in a job with `permissions: id-token: write`. */
function pipelineOf({ ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token }: Environment): PipelineTokens | undefined {
  return url === undefined || token === undefined || !isSecureIssuer(url) ? undefined : { url, token };
}

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
