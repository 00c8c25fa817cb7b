/** An OIDC issuer as a stranger would write it: discovery, key set, tokens signed by hand with node:crypto. It shares no code with what verifies them. */
import { createHmac, createSign, generateKeyPairSync, sign as signRaw, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const AUDIENCE = 'stoa-api';

export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const KINDS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
} as const;

/** A new signing key. */
export const newKey = (kid: string, alg: keyof typeof KINDS = 'RS256'): IssuerKey => ({ kid, alg, ...KINDS[alg]() });

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signature over a text, by the algorithm that is named: RFC 7518. */
function signature(text: string, alg: string, key: KeyObject | string): string {
  if (alg === 'none') return '';
  if (alg.startsWith('HS')) return createHmac('sha256', key).update(text).digest('base64url');
  const data = Buffer.from(text);
  if (alg === 'EdDSA') return signRaw(null, data, key).toString('base64url');
  if (alg === 'ES256') return signRaw('sha256', data, { key: key as KeyObject, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  if (alg === 'PS256') return signRaw('sha256', data, { key: key as KeyObject, padding: 6, saltLength: 32 }).toString('base64url');
  return createSign(alg === 'RS512' ? 'sha512' : 'sha256')
    .update(data)
    .sign(key)
    .toString('base64url');
}

export interface TokenOrder {
  readonly header?: object;
  readonly claims?: object;
  readonly key?: IssuerKey;
  /** Signs with this in place of the key. */
  readonly secret?: KeyObject | string;
  readonly alg?: string;
}

export interface PostAnswer {
  readonly status: number;
  readonly body: object;
}

export interface TestIssuer {
  readonly url: string;
  /** Keys that the key set shows; may be changed. */
  keys: IssuerKey[];
  /** Requests of the key set so far. */
  readonly fetches: number;
  /** Takes the place of the answer of the key set, or of the discovery document. */
  answer: ((path: string, res: ServerResponse) => boolean) | undefined;
  /** Endpoints that take forms, by the last part of their path, each with what its form is answered. */
  posts: Record<string, (form: URLSearchParams) => PostAnswer>;
  /** What the discovery document says besides issuer and key set. */
  discovery: Record<string, unknown>;
  /** A token of a cpi-admin, unless its claims say something else; undefined takes a claim away. */
  token(order?: TokenOrder): string;
  close(): Promise<void>;
}

const noForms = (): Pick<TestIssuer, 'posts' | 'discovery'> => ({ posts: {}, discovery: {} });

const sendJson = (res: ServerResponse, { status, body }: PostAnswer): unknown =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** Starts one on loopback, with one RS256 key. `now` is the clock of its tokens. */
export async function startIssuer(now: () => number): Promise<TestIssuer> {
  const state = { keys: [newKey('first')], fetches: 0, answer: undefined as TestIssuer['answer'], ...noForms() };
  const server = createServer((req, res) => {
    const path = req.url ?? '';
    if (path.endsWith('/certs')) state.fetches += 1;
    if (state.answer?.(path, res) === true) return;
    const post = req.method === 'POST' ? state.posts[path.split('/').at(-1) ?? ''] : undefined;
    if (post !== undefined) return void text(req).then((form) => sendJson(res, post(new URLSearchParams(form))));
    const body = path.endsWith('/certs')
      ? { keys: state.keys.map(({ kid, alg, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' })) }
      : { issuer: url, jwks_uri: `${url}/protocol/openid-connect/certs`, ...state.discovery };
    sendJson(res, { status: 200, body });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realms/shop`;
  return Object.assign(state, {
    url,
    token: (order: TokenOrder = {}) => makeToken(url, now(), state.keys[0], order),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

/** Claims as a Keycloak writes them. */
function makeToken(
  issuer: string,
  now: number,
  first: IssuerKey | undefined,
  { header, claims, key = first, secret, alg = key?.alg ?? '' }: TokenOrder,
): string {
  const seconds = Math.floor(now / 1000);
  const payload = {
    iss: issuer,
    aud: [AUDIENCE, 'account'],
    sub: '8b0c6a4e',
    typ: 'Bearer',
    azp: 'ci',
    preferred_username: 'ann',
    realm_access: { roles: ['offline_access', 'cpi-admin'] },
    iat: seconds,
    exp: seconds + 300,
    ...claims,
  };
  const text = `${encode({ alg, typ: 'JWT', kid: key?.kid, ...header })}.${encode(payload)}`;
  return `${text}.${signature(text, alg, secret ?? key?.privateKey ?? '')}`;
}
