/** Calls of one control plane with access tokens that it gets and renews by itself. */
import { randomUUID } from 'node:crypto';
import { StoaError } from '../schema/error.js';
import { replyError, send, type HttpReply, type HttpRequest } from './http.js';
import { expiryOf } from './token-claims.js';

export interface SessionOptions {
  /** Base address without `/v1`. */
  readonly server: string;
  readonly authServer: string;
  readonly realm: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly token: string | undefined;
  /** Takes the place of everything else that opens the server: tokens of a person, kept elsewhere. */
  readonly tokens?: TokenSource | undefined;
  /** Where a pipeline of GitHub gets a token of its own; asked where nothing else is given. */
  readonly pipeline?: PipelineTokens | undefined;
  /** Longest wait for an answer, retries included; undefined for 30 s, and 2 minutes for a plan or an apply. */
  readonly timeoutMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before a request leaves that may change something. */
  readonly onWrite?: (() => void) | undefined;
  now(): number;
  readonly log?: ((line: string) => void) | undefined;
}

export interface PipelineTokens {
  readonly url: string;
  /** What opens the URL. */
  readonly token: string;
}

interface CallOptions {
  readonly timeoutMs?: number;
  /** What holds when no answer comes. */
  readonly onTimeout?: string;
  /** A POST that writes nothing needs no idempotency key. */
  readonly isReadOnly?: true;
  /** A member that the answer has: without it, it is not that of a control plane. */
  readonly member?: string;
}

/** Calls a path below `/v1` and gives the parsed answer, undefined for an empty one. Throws `StoaError` with the server's code. */
export type Call = (method: HttpRequest['method'], path: string, body?: unknown, options?: CallOptions) => Promise<unknown>;

const DEFAULT_TIMEOUT_MS = 30_000;

export function createSession(options: SessionOptions): Call {
  const token = options.tokens ?? tokenSource(options);
  return async (method, path, body, { timeoutMs = DEFAULT_TIMEOUT_MS, onTimeout, isReadOnly, member } = {}) => {
    const url = `${options.server}/v1${path}`;
    const idempotencyKey = body === undefined || isReadOnly === true ? undefined : randomUUID();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const exchange = async (): Promise<HttpReply> => {
      const headers = headersOf(await token.get(), text, idempotencyKey);
      if (method !== 'GET' && isReadOnly !== true) options.onWrite?.();
      return send(
        { method, url, headers, body: text, timeoutMs: options.timeoutMs ?? timeoutMs, signal: options.signal, onTimeout },
        options,
      );
    };
    let reply = await exchange();
    if (reply.status === 401 && token.forget()) reply = await exchange();
    if (reply.status === 401 && options.tokens === undefined) refuseExpired(options);
    if (reply.status < 200 || reply.status > 299) throw replyError(url, reply);
    const answer = reply.text === '' ? undefined : parseJson(url, reply.text);
    if (member !== undefined && !hasMember(answer, member)) throw notOurs(url);
    return answer;
  };
}

const hasMember = (answer: unknown, member: string): boolean => typeof answer === 'object' && answer !== null && member in answer;

/** Throws `unauthorized` when a token that was given is over, with the time: the server says only that it is not valid. */
function refuseExpired({ token, now }: SessionOptions): void {
  const expiry = token === undefined ? undefined : expiryOf(token);
  if (expiry === undefined || expiry > now()) return;
  throw new StoaError('unauthorized', `The access token has expired at ${new Date(expiry).toISOString()}.`, {
    hint: 'Set STOA_TOKEN to a new one, or sign in with "stoactl login".',
  });
}

function headersOf(token: string, body: string | undefined, idempotencyKey: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

export interface TokenSource {
  /** A token that is good now. Throws `unauthorized` when there is none to be had. */
  get(): Promise<string>;
  /** Drops a token that was refused. False when there is no other to be had. */
  forget(): boolean;
}

/** A token is renewed this long before it ends. */
export const RENEW_BEFORE_MS = 10_000;

/** Client credentials (documents A and B). A token given by STOA_TOKEN is used as it is. */
function tokenSource(options: SessionOptions): TokenSource {
  let current: Token | undefined;
  return {
    async get() {
      if (options.token !== undefined) return options.token;
      if (current === undefined || current.expires - RENEW_BEFORE_MS <= options.now()) current = await requestToken(options);
      return current.value;
    },
    forget() {
      const isRenewable = options.token === undefined;
      current = undefined;
      return isRenewable;
    },
  };
}

interface Token {
  readonly value: string;
  /** Epoch milliseconds. */
  readonly expires: number;
}

async function requestToken(options: SessionOptions): Promise<Token> {
  const { authServer, realm, clientId, clientSecret, pipeline } = options;
  if (clientSecret === undefined && pipeline !== undefined) return requestPipelineToken(pipeline, options);
  if (clientSecret === undefined)
    throw new StoaError('unauthorized', `No credentials for ${options.server}: STOA_CLIENT_SECRET is not set.`, {
      hint: 'Sign in with "stoactl login", or set STOA_CLIENT_ID and STOA_CLIENT_SECRET, or STOA_TOKEN; "stoactl dev" prints the export lines. In a GitHub job "permissions: id-token: write" is enough.',
    });
  const url = `${authServer}/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`;
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const reply = await send(
    { method: 'POST', url, headers, body: form.toString(), timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal: options.signal },
    options,
  );
  if (reply.status === 400 || reply.status === 401)
    throw new StoaError(
      'unauthorized',
      `${new URL(url).origin} refused the client "${clientId}": its secret is wrong, or there is no such client.`,
      {
        hint: 'Check STOA_CLIENT_ID and STOA_CLIENT_SECRET.',
      },
    );
  if (reply.status === 404) refuseRealm(url, reply.text);
  if (reply.status !== 200) throw replyError(url, reply);
  const { access_token, expires_in } = parseJson(url, reply.text) as { access_token?: unknown; expires_in?: unknown };
  if (typeof access_token !== 'string') throw notOurs(url);
  return { value: access_token, expires: options.now() + (typeof expires_in === 'number' ? expires_in : 60) * 1000 };
}

/** Throws `unauthorized` with what an issuer says of a realm that it has not (RFC 6749, section 5.2; Keycloak says it in `error`). What has no such body is no issuer. */
function refuseRealm(url: string, text: string): void {
  const { error, error_description = error } = readObject(text);
  if (typeof error !== 'string' || typeof error_description !== 'string') return;
  throw new StoaError('unauthorized', `${new URL(url).origin} gives no token: ${error_description.replace(/\.$/, '')}.`, {
    hint: 'Check STOA_REALM and STOA_AUTH_URL, or --realm and --auth-server of the context.',
  });
}

function readObject(text: string): { readonly error?: unknown; readonly error_description?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** A token for this control plane and no other: its address is the audience. */
async function requestPipelineToken({ url, token }: PipelineTokens, options: SessionOptions): Promise<Token> {
  const asked = new URL(url);
  asked.searchParams.set('audience', options.server);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  const reply = await send({ method: 'GET', url: asked.href, headers, body: undefined, timeoutMs, signal }, options);
  const { value } = reply.status === 200 ? (parseJson(url, reply.text) as { value?: unknown }) : {};
  if (typeof value !== 'string')
    throw new StoaError('unauthorized', `The pipeline got no token of its own: ${asked.origin} answered ${reply.status}.`, {
      hint: 'Run the job again: its own system makes these tokens.',
    });
  return { value, expires: expiryOf(value) ?? options.now() + 60_000 };
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs(url);
  }
}

const notOurs = (url: string): StoaError =>
  new StoaError('network_error', `${new URL(url).origin} answers, but not like a control plane of STOA.`, {
    hint: 'Check STOA_API_URL and STOA_AUTH_URL.',
  });
