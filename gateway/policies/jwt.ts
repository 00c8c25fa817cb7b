import * as z from 'zod';
import { isSecureIssuer } from '../../schema/issuer-url.js';
import { callbackUrl } from '../../schema/url.js';
import { definePolicy, TOKEN_FAILURES, type Exchange, type PolicyServices, type Reply, type TokenFailure } from './contract.js';
import { byHeader, foldedName, headerValue, removeHeaders, settableHeader } from './header.js';

/** Signatures with a private key only: with a shared secret whoever verifies could also sign, and the public key could be passed off as one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const secureUrl = callbackUrl.refine(
  (text) => !URL.canParse(text) || isSecureIssuer(text),
  'Keys are fetched over https, or from this machine.',
);
const scope = z
  .string()
  .max(200)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'A scope is printable ASCII without spaces, quotes and backslashes.');

const config = z.strictObject({
  issuer: secureUrl.describe('Who makes the tokens: exactly what their claim `iss` says.'),
  audience: z.string().min(1).max(1000).describe('For whom the tokens are: their claim `aud` is this, or a list with this in it.'),
  jwks_url: secureUrl.optional().describe('Where the public keys are; without it, where the discovery document of the issuer says.'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default(['RS256', 'ES256'])
    .describe('Signatures that are accepted, whatever a token asks for.'),
  required_scopes: z.array(scope).max(100).default([]).describe('Scopes that a token must have, all of them, in `scope` or `scp`.'),
  claims_to_headers: byHeader(settableHeader, z.string().min(1).max(200))
    .default({})
    .describe(
      'Header: claim; `realm_access.roles` is the claim inside of another. What a client sends under these names never reaches the upstream.',
    ),
});

type Claims = Readonly<Record<string, unknown>>;

/** Asks for a token beside the API key; the upstream gets it as it came. */
export const jwt = definePolicy({
  type: 'jwt',
  stage: 'authenticate',
  exclusive: true,
  summary: 'Lets in only requests with a valid access token of an issuer, and tells the upstream its claims.',
  behaviour: [
    'The token comes in `Authorization: Bearer`, beside the API key in `X-API-Key`. An API that asks for tokens alone has `auth_required: false`.',
    'A missing, invalid or expired token is answered 401, a missing scope 403, both with `WWW-Authenticate`; `auth_failed` in the log says `missing_token`, `invalid_token`, `expired_token` or `insufficient_scope`.',
    'The keys of the issuer are fetched when they are first needed, anew after ten minutes, and when a token names an unknown one, at most every 30 seconds. Known keys go on for twelve hours while the issuer is away; what cannot be judged then is answered 503.',
    'Of several that could govern a request the one with the lowest priority number rules, then the one whose target is closest.',
    'Addresses of issuers are checked like those of upstreams, each time they are connected to.',
    'A list of texts becomes one header with commas. A token whose claim cannot stand in a header is refused.',
  ],
  unrecorded: {
    what: 'the access token',
    concerns: () => true,
    hasAnswered: ({ reason }) => TOKEN_FAILURES.some((failure) => failure === reason),
  },
  config,
  example: {
    issuer: 'https://id.example.com/realms/shop',
    audience: 'payments-api',
    required_scopes: ['payments:read'],
    claims_to_headers: { 'X-User': 'sub', 'X-Roles': 'realm_access.roles' },
  },
  compile({ issuer, audience, jwks_url: jwksUrl, algorithms, required_scopes: required, claims_to_headers: headers }, services) {
    const verify = services.tokens({ issuer, audience, jwksUrl, algorithms });
    const refusals = refusalsOf(services, required);
    const names = new Set(Object.keys(headers).map(foldedName));
    const told = new WeakMap<Exchange, readonly string[]>();
    const refuse = (exchange: Exchange, failure: TokenFailure): Reply => {
      exchange.tokenFailure = failure;
      return refusals[failure];
    };
    return {
      async request(exchange) {
        const token = tokenOf(exchange.header('authorization'));
        if (token === undefined) return refuse(exchange, 'missing_token');
        const verdict = await verify(token);
        if ('failure' in verdict) return verdict.failure === 'unreachable' ? refusals.unreachable : refuse(exchange, verdict.failure);
        if (!hasScopes(verdict.claims, required)) return refuse(exchange, 'insufficient_scope');
        const list = headersOf(verdict.claims, headers);
        if (list === undefined) return refuse(exchange, 'invalid_token');
        told.set(exchange, list);
        return undefined;
      },
      upstream(head, exchange) {
        removeHeaders(head.headers, names);
        head.headers.push(...(told.get(exchange) ?? []));
      },
    };
  },
});

/** Of `Authorization: Bearer TOKEN`. Two of them, or one that is not well formed, is a token that nobody made. */
function tokenOf(authorization: string | undefined): string | undefined {
  return /^bearer +(.*)$/is.exec(authorization ?? '')?.[1];
}

/** RFC 6750, 3: what is wrong stands in the challenge; a request without a token is told only what is needed. */
function refusalsOf({ errorReply }: PolicyServices, scopes: readonly string[]): Readonly<Record<TokenFailure | 'unreachable', Reply>> {
  const challenge = (...fields: readonly string[]): string[] => ['WWW-Authenticate', ['Bearer realm="stoa"', ...fields].join(', ')];
  const needed = 'A valid access token for this API is needed: Authorization: Bearer TOKEN.';
  return {
    missing_token: errorReply('unauthorized', needed, challenge()),
    invalid_token: errorReply('unauthorized', needed, challenge('error="invalid_token"')),
    expired_token: errorReply(
      'unauthorized',
      'The access token has expired.',
      challenge('error="invalid_token"', 'error_description="The access token has expired"'),
    ),
    insufficient_scope: errorReply(
      'forbidden',
      'The access token lacks a scope that this API needs.',
      challenge('error="insufficient_scope"', `scope="${scopes.join(' ')}"`),
    ),
    unreachable: errorReply('service_unavailable', 'The issuer of the access token cannot be asked for its keys.', ['Retry-After', '30']),
  };
}

/** `scope` of RFC 9068 is a text with spaces; `scp` of other issuers is a text or a list. */
function hasScopes({ scope: text, scp }: Claims, required: readonly string[]): boolean {
  const granted = new Set([text, scp].flat().flatMap((value) => (typeof value === 'string' ? value.split(' ') : [])));
  return required.every((name) => granted.has(name));
}

/** Name, value, name, value; undefined when a claim cannot stand in a header. */
function headersOf(claims: Claims, headers: Readonly<Record<string, string>>): string[] | undefined {
  const list: string[] = [];
  for (const [name, path] of Object.entries(headers)) {
    const claim = claimAt(claims, path);
    const texts = [claim].flat().filter((value) => value !== undefined && value !== null && value !== '');
    if (texts.length === 0) continue;
    const value = fieldValue(texts, Array.isArray(claim));
    if (value === undefined) return undefined;
    list.push(name, value);
  }
  return list;
}

/** A list is written with commas: what has one itself could be read as two, also where it is the only one. */
function fieldValue(texts: readonly unknown[], isList: boolean): string | undefined {
  const isPlain = texts.every((text) => ['string', 'number', 'boolean'].includes(typeof text));
  if (!isPlain || (isList && texts.some((text) => String(text).includes(',')))) return undefined;
  return headerValue.safeParse(texts.map(String).join(',')).data;
}

/** A claim of this name; else, with dots, one inside of another. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Claims)[key] : undefined),
      claims,
    );
}
