/** Contexts: which servers a person works with, and signing in to one. */
import { StoaError } from '../../schema/error.js';
import { createClient } from '../client.js';
import type { SessionOptions } from '../session.js';
import { baseUrl, type Environment, type Settings } from '../settings.js';
import { findContext, readUserConfig, writeContext, type ContextFields } from '../user-config.js';

export interface ContextRow extends ContextFields {
  readonly name: string;
  readonly is_current: boolean;
  /** How it signs in; no secret is ever shown. */
  readonly signs_in_with: 'client secret' | 'token' | 'nothing';
}

export interface ContextList {
  readonly schema_version: 1;
  readonly file: string;
  readonly contexts: readonly ContextRow[];
}

/** Every context, without its secrets. */
export function listContexts(env: Environment): ContextList {
  const { path, contexts, current } = readUserConfig(env);
  const rows = Object.entries(contexts).map(([name, { client_secret, token, ...fields }]): ContextRow => {
    const signs_in_with = client_secret !== undefined ? 'client secret' : token !== undefined ? 'token' : 'nothing';
    return { name, is_current: name === current, ...fields, signs_in_with };
  });
  return { schema_version: 1, file: path, contexts: rows };
}

/** Makes a context the current one. Throws `usage_error` for one that there is not. */
export function useContext(env: Environment, name: string): ContextList {
  findContext(readUserConfig(env), name);
  writeContext(env, name, {}, true);
  return listContexts(env);
}

/** Makes a context, or changes what is given of it. What opens its old server does not go to a new one: it is forgotten. */
export function setContext(env: Environment, name: string, fields: ContextFields): ContextList {
  const known = readUserConfig(env).contexts[name];
  const given = Object.fromEntries(Object.entries<string | undefined>(fields).filter(([, value]) => value !== undefined));
  const isMoved = (['server', 'auth_server'] as const).some((field) => given[field] !== undefined && given[field] !== known?.[field]);
  const forgotten = known !== undefined && isMoved ? { client_secret: undefined, token: undefined } : {};
  writeContext(env, name, { ...given, ...forgotten }, false);
  return listContexts(env);
}

export interface Credentials {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly token?: string;
}

export interface SignedIn {
  readonly schema_version: 1;
  readonly context: string;
  readonly server: string;
  readonly signed_in_with: 'client secret' | 'token';
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
  const { clientId, clientSecret, token } = credentials;
  const isDefault = (setting: string): boolean => settings.origins[setting] === 'default';
  const client = createClient({ server, authServer, realm, clientId, clientSecret, token, timeoutMs, ...session });
  await client.review.revisions({ limit: '1' });
  writeContext(
    env,
    name,
    {
      server,
      ...(baseUrl(authServer, '') === server ? { auth_server: undefined } : { auth_server: authServer }),
      gateway: isDefault('gateway') ? undefined : gatewayServer,
      realm: isDefault('realm') ? undefined : realm,
      client_id: token === undefined ? clientId : undefined,
      client_secret: clientSecret,
      token,
    },
    true,
  );
  const { path } = readUserConfig(env);
  return { schema_version: 1, context: name, server, signed_in_with: token === undefined ? 'client secret' : 'token', file: path };
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
    project: settings.project,
    tenant: settings.tenant,
  };
  const shown = Object.entries(values).map(([name, value]) => ({ name, value: value ?? null, origin: settings.origins[name] ?? '' }));
  const context = Object.values(settings.origins).find((origin) => origin.startsWith('context '));
  return { schema_version: 1, context: context?.slice('context '.length) ?? null, settings: shown };
}
