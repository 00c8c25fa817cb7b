/** Contexts: which servers a person works with, and signing in to one. */
import { StoaError } from '../../schema/error.js';
import { createClient } from '../client.js';
import { tokenFields } from '../kept-tokens.js';
import type { Tokens } from '../openid.js';
import type { SessionOptions } from '../session.js';
import { baseUrl, type Environment, type Settings } from '../settings.js';
import { userOf } from '../token-claims.js';
import { findContext, readUserConfig, writeContext, type Context, type ContextFields } from '../user-config.js';

/** What a context is opened with. */
export type SignInWay = 'client secret' | 'token' | 'device code';

export interface ContextRow extends ContextFields {
  readonly name: string;
  readonly is_current: boolean;
  /** How it signs in; no secret is ever shown. */
  readonly signs_in_with: SignInWay | 'nothing';
}

export interface ContextList {
  readonly schema_version: 1;
  readonly file: string;
  readonly contexts: readonly ContextRow[];
}

/** Every context, without its secrets. */
export function listContexts(env: Environment): ContextList {
  const { path, contexts, current } = readUserConfig(env);
  const rows = Object.entries(contexts).map(([name, context]): ContextRow => {
    const { client_secret: _secret, token: _token, token_expires_at: _end, refresh_token: _refresh, ...fields } = context;
    return { name, is_current: name === current, ...fields, signs_in_with: wayOf(context) };
  });
  return { schema_version: 1, file: path, contexts: rows };
}

function wayOf({ client_secret, token, refresh_token }: Context): ContextRow['signs_in_with'] {
  if (client_secret !== undefined) return 'client secret';
  if (token === undefined) return 'nothing';
  return refresh_token === undefined ? 'token' : 'device code';
}

/** Makes a context the current one. Throws `usage_error` for one that there is not. */
export function useContext(env: Environment, name: string): ContextList {
  findContext(readUserConfig(env), name);
  writeContext(env, name, {}, true);
  return listContexts(env);
}

const NO_CREDENTIALS = { client_secret: undefined, token: undefined, token_expires_at: undefined, refresh_token: undefined };

/** Makes a context, or changes what is given of it. What opens its old server does not go to a new one: it is forgotten. */
export function setContext(env: Environment, name: string, fields: ContextFields): ContextList {
  const known = readUserConfig(env).contexts[name];
  const given = Object.fromEntries(Object.entries<string | undefined>(fields).filter(([, value]) => value !== undefined));
  const isMoved = (['server', 'auth_server'] as const).some((field) => given[field] !== undefined && given[field] !== known?.[field]);
  const forgotten = known !== undefined && isMoved ? NO_CREDENTIALS : {};
  writeContext(env, name, { ...given, ...forgotten }, false);
  return listContexts(env);
}

/** A client with its secret, a token, or the tokens that a person got by device. */
export type Credentials =
  | { readonly way: 'client secret'; readonly clientId: string; readonly clientSecret: string }
  | { readonly way: 'token'; readonly token: string }
  | { readonly way: 'device code'; readonly clientId: string; readonly tokens: Tokens };

export interface SignedIn {
  readonly schema_version: 1;
  readonly context: string;
  readonly server: string;
  readonly signed_in_with: SignInWay;
  /** Whom the token names; null for a client secret. */
  readonly user: string | null;
  readonly file: string;
}

export interface SignIn {
  readonly name: string;
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly env: Environment;
  readonly session: Pick<SessionOptions, 'signal' | 'now' | 'log'>;
}

/** Tries what was given at the server, then keeps it in the context. Throws `unauthorized`, and keeps nothing, when it is refused. */
export async function signIn({ name, settings, credentials, env, session }: SignIn): Promise<SignedIn> {
  const { server, authServer, gatewayServer, realm, timeoutMs } = settings;
  const isDefault = (setting: string): boolean => settings.origins[setting] === 'default';
  const { client_id, client_secret: clientSecret, token, ...rest } = fieldsOf(credentials);
  const opened = { clientId: client_id ?? settings.clientId, clientSecret, token };
  const client = createClient({ server, authServer, realm, timeoutMs, ...opened, ...session });
  await client.review.revisions({ limit: '1' });
  writeContext(
    env,
    name,
    {
      server,
      ...(baseUrl(authServer, '') === server ? { auth_server: undefined } : { auth_server: authServer }),
      gateway: isDefault('gateway') ? undefined : gatewayServer,
      realm: isDefault('realm') ? undefined : realm,
      ...{ client_id, client_secret: clientSecret, token, ...rest },
    },
    true,
  );
  const { path } = readUserConfig(env);
  const user = token === undefined ? null : (userOf(token) ?? null);
  return { schema_version: 1, context: name, server, signed_in_with: credentials.way, user, file: path };
}

/** Every field of a context that opens something; those that are not given are taken out of it. */
function fieldsOf(credentials: Credentials): Pick<Context, 'client_id' | keyof typeof NO_CREDENTIALS> {
  const { way } = credentials;
  if (way === 'token') return { ...NO_CREDENTIALS, client_id: undefined, token: credentials.token };
  const own = { ...NO_CREDENTIALS, client_id: credentials.clientId };
  return way === 'client secret' ? { ...own, client_secret: credentials.clientSecret } : { ...own, ...tokenFields(credentials.tokens) };
}

/** The one line that stdin gives. Throws `usage_error` when it gives none. */
export function secretOf(text: string, what: string): string {
  const secret = text.trim();
  if (secret !== '' && !/\s/.test(secret)) return secret;
  throw new StoaError('usage_error', `Stdin gives no ${what}: one line is wanted.`, {
    hint: 'For example: printf %s "$SECRET" | stoactl login --client-id control-plane-api.',
  });
}

export interface ShownSetting {
  readonly name: string;
  /** Of a secret only that it is there. */
  readonly value: string | null;
  readonly origin: string;
}

export interface ShownSettings {
  readonly schema_version: 1;
  readonly context: string | null;
  readonly settings: readonly ShownSetting[];
}

/** What a command would work with, and where each setting comes from. */
export function showSettings(settings: Settings): ShownSettings {
  const secret = (value: string | undefined): string | undefined => (value === undefined ? undefined : '[secret]');
  const values: Readonly<Record<string, string | undefined>> = {
    server: settings.server,
    auth_server: settings.authServer,
    gateway: settings.gatewayServer,
    realm: settings.realm,
    client_id: settings.clientId,
    client_secret: secret(settings.clientSecret),
    token: secret(settings.token),
    user: settings.token === undefined ? undefined : userOf(settings.token),
    project: settings.project,
    tenant: settings.tenant,
  };
  const shown = Object.entries(values).map(([name, value]) => ({
    name,
    value: value ?? null,
    origin: settings.origins[name === 'user' ? 'token' : name] ?? '',
  }));
  const context = Object.values(settings.origins).find((origin) => origin.startsWith('context '));
  return { schema_version: 1, context: context?.slice('context '.length) ?? null, settings: shown };
}
