/** An issuer of tokens as a client that keeps no secret sees it: its discovery document and its token endpoint (OpenID Connect Discovery 1.0, RFC 6749). */
import * as z from 'zod';
import { StoaError } from '../schema/error.js';
import { isSecureIssuer } from '../schema/issuer-url.js';
import { send, type HttpOptions, type HttpReply } from './http.js';
import { expiryOf } from './token-claims.js';

export interface IssuerOptions extends HttpOptions {
  readonly authServer: string;
  readonly realm: string;
  /** Longest wait for one answer; undefined for 15 s. */
  readonly timeoutMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 15_000;
const ASSUMED_MS = 60_000;
const LONGEST_MS = 86_400_000;

const endpoint = z.string().refine(isSecureIssuer);
const discoveryDocument = z.object({
  issuer: z.string(),
  token_endpoint: endpoint,
  device_authorization_endpoint: endpoint.optional(),
  scopes_supported: z.array(z.string()).optional(),
});

/** What the discovery document says, by the names that it has there. */
export type Discovery = z.infer<typeof discoveryDocument>;

/** Address of the issuer, as `iss` of its tokens has it. */
export const issuerUrl = ({ authServer, realm }: Pick<IssuerOptions, 'authServer' | 'realm'>): string =>
  `${authServer}/realms/${encodeURIComponent(realm)}`;

/** Reads the discovery document. Throws `network_error` for an issuer that has none, names another, or has tokens fetched over plain http. */
export async function discover(options: IssuerOptions): Promise<Discovery> {
  const issuer = issuerUrl(options);
  const url = `${issuer}/.well-known/openid-configuration`;
  const reply = await exchange('GET', url, undefined, options);
  if (reply.status !== 200) throw notAnIssuer(`${url} answered ${reply.status}, not with a discovery document.`);
  const { data, error } = discoveryDocument.safeParse(parseJson(reply.text));
  if (data === undefined) throw notAnIssuer(`${url}: ${String(error.issues[0]?.path[0] ?? 'the answer')} is missing, or not to be used.`);
  if (data.issuer !== issuer) throw notAnIssuer(`${issuer} names another issuer, ${JSON.stringify(data.issuer.slice(0, 200))}.`);
  return data;
}

const notAnIssuer = (message: string): StoaError =>
  new StoaError('network_error', message, { hint: 'Check STOA_AUTH_URL and STOA_REALM; its endpoints are https, or http on loopback.' });

/** An answer that says nothing by the rules of issuers. */
export const wrongStatus = (url: string, { status }: HttpReply): StoaError => notAnIssuer(`${new URL(url).origin} answered ${status}.`);

/** Tokens as they are kept. */
export interface Tokens {
  readonly accessToken: string;
  /** Epoch milliseconds, by this machine's clock; a day from now at most, whatever the issuer says. */
  readonly expiresAt: number;
  readonly refreshToken: string | undefined;
}

const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7E]+$/),
  refresh_token: z.string().min(1).optional(),
  // Some issuers write numbers as texts.
  expires_in: z.coerce.number().positive().optional(),
});

/** Asks the token endpoint: tokens, or the error code of a refusal (RFC 6749, section 5.2). Throws `network_error` for what is neither. */
export async function askForTokens(url: string, form: Readonly<Record<string, string>>, options: IssuerOptions): Promise<Tokens | string> {
  const reply = await postForm(url, form, options);
  const body = parseJson(reply.text);
  const refusal = refusalOf(reply.status, body);
  if (refusal !== undefined) return refusal;
  if (reply.status !== 200) throw wrongStatus(url, reply);
  const { data } = tokenAnswer.safeParse(body);
  if (data === undefined) throw notAnIssuer(`${new URL(url).origin} answers, but gives no access token.`);
  const { access_token: accessToken, refresh_token: refreshToken, expires_in } = data;
  const now = options.now();
  const expiresAt = expires_in === undefined ? (expiryOf(accessToken) ?? now + ASSUMED_MS) : now + expires_in * 1000;
  return { accessToken, refreshToken, expiresAt: Math.min(expiresAt, now + LONGEST_MS) };
}

/** The error code of an answer of 400, 401 or 403; never its description, which may repeat what was sent. */
export function refusalOf(status: number, body: unknown): string | undefined {
  if (status !== 400 && status !== 401 && status !== 403) return undefined;
  const { data } = z.object({ error: z.string().regex(/^[\w.-]{1,64}$/) }).safeParse(body);
  return data?.error;
}

/** Posts a form and gives the answer, whatever its status. */
export const postForm = (url: string, form: Readonly<Record<string, string>>, options: IssuerOptions): Promise<HttpReply> =>
  exchange('POST', url, new URLSearchParams(form).toString(), options);

function exchange(method: 'GET' | 'POST', url: string, body: string | undefined, options: IssuerOptions): Promise<HttpReply> {
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
  };
  return send({ method, url, headers, body, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, signal: options.signal }, options);
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
