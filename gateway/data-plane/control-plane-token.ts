/** How a gateway shows the control plane who it is. */
import { readFileSync } from 'node:fs';
import { request } from 'undici';
import { StoaError } from '../../schema/error.js';

export interface TokenOptions {
  /** Base URL of the control plane, without a slash at its end. */
  readonly controlPlaneUrl: string;
  /** Token given by the environment; goes first. */
  readonly gatewayToken: string | undefined;
  /** File that the control plane makes in a shared data directory; read anew each time. */
  readonly tokenFile: string;
  readonly client: { readonly id: string; readonly secret: string } | undefined;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

export interface TokenSource {
  /** A bearer token. Throws `unauthorized` when there are no credentials, or when the issuer refuses them. */
  get(): Promise<string>;
  /** The control plane refused the token: the next one is fetched anew. */
  refused(): void;
}

const TIMEOUT_MS = 10_000;
/** Tokens are renewed this long before they end. */
const MARGIN_MS = 30_000;

/** Tokens from the environment, the data directory or the issuer, in this order. */
export function createTokenSource(options: TokenOptions): TokenSource {
  const { gatewayToken, tokenFile, client, now } = options;
  let cached: { readonly token: string; readonly until: number } | undefined;
  return {
    async get() {
      const given = gatewayToken ?? readToken(tokenFile);
      if (given !== undefined) return given;
      if (client === undefined) {
        const hint = 'Set STOA_GATEWAY_TOKEN, or STOA_CLIENT_ID and STOA_CLIENT_SECRET.';
        throw new StoaError('unauthorized', 'The gateway has no credentials for the control plane.', { hint });
      }
      if (cached === undefined || cached.until <= now()) cached = await fetchToken(options, client);
      return cached.token;
    },
    refused() {
      cached = undefined;
    },
  };
}

function readToken(file: string): string | undefined {
  try {
    const token = readFileSync(file, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    // Not there, or not for us: other credentials may do.
    return undefined;
  }
}

async function fetchToken({ controlPlaneUrl, now }: TokenOptions, { id, secret }: { readonly id: string; readonly secret: string }) {
  const response = await request(`${controlPlaneUrl}/realms/stoa/protocol/openid-connect/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret }).toString(),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const body: unknown = await response.body.json().catch(() => undefined);
  const { access_token: token, expires_in: seconds } = (body ?? {}) as { readonly access_token?: unknown; readonly expires_in?: unknown };
  if (response.statusCode !== 200 || typeof token !== 'string') {
    throw new StoaError('unauthorized', `The control plane refused the gateway's client credentials with status ${response.statusCode}.`);
  }
  const lifeMs = (typeof seconds === 'number' ? seconds : 0) * 1000;
  return { token, until: now() + Math.max(0, lifeMs - MARGIN_MS) };
}
