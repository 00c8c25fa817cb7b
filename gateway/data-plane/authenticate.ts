/** Who is calling: one key, in one place, checked against the wall clock on each request. */
import type { CertificateFailure } from './client-certificate.js';
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';
import type { AuthFailure, Credential, Route } from './snapshot.js';

const BEARER_KEY = /^bearer +(stoa_sk_\S+)$/i;

/** The key of a request, or why there is none. With `X-API-Key` present, `Authorization` belongs to the application (decision K25). */
export function presentedKey(head: RequestHead): { readonly key: string; readonly inAuthorization: boolean } | AuthFailure {
  if (head.apiKeys > 1) return 'invalid_api_key';
  if (head.apiKeys === 1)
    return head.apiKey === undefined || head.apiKey === '' ? 'missing_api_key' : { key: head.apiKey, inAuthorization: false };
  const bearer = head.authorization === undefined ? null : BEARER_KEY.exec(head.authorization);
  if (bearer?.[1] === undefined) return 'missing_api_key';
  return head.authorizations === 1 ? { key: bearer[1], inAuthorization: true } : 'invalid_api_key';
}

/** Why a known key opens nothing now; undefined when it opens its API. */
export function stateProblem(credential: Credential, nowMs: number): AuthFailure | undefined {
  if (credential.keyStatus === 'revoked') return 'revoked_api_key';
  if (credential.keyStatus === 'expired' || (credential.notAfter !== null && nowMs >= credential.notAfter)) return 'expired_api_key';
  if (nowMs < credential.notBefore) return 'invalid_api_key';
  return !credential.subscriptionActive || nowMs >= credential.subscriptionEnds ? 'subscription_not_active' : undefined;
}

/** Why a known key does not open this route now; undefined when it does. */
export function keyProblem(credential: Credential, route: Route, nowMs: number): AuthFailure | undefined {
  const problem = stateProblem(credential, nowMs);
  if (problem !== undefined) return problem;
  return credential.tenant === route.tenant && credential.api === route.api ? undefined : 'api_not_allowed';
}

/** Finds the caller and puts it on the exchange. A route without required authentication knows its callers too, but refuses nobody. */
export function authenticate(exchange: Exchange, route: Route): AuthFailure | undefined {
  const presented = presentedKey(exchange.head);
  if (typeof presented === 'string') return route.authRequired ? presented : undefined;
  exchange.keyInAuthorization = presented.inAuthorization;
  const credential = exchange.gateway.keys.find(presented.key);
  const problem = credential === undefined ? 'invalid_api_key' : keyProblem(credential, route, exchange.gateway.now());
  if (credential === undefined || problem !== undefined) {
    if (credential?.tenant === route.tenant) exchange.refusedCredential = credential;
    return route.authRequired ? problem : undefined;
  }
  exchange.credential = credential;
  exchange.caller = credential;
  return undefined;
}

/** The client's certificate, where the gateway, the API or the consumer asks for one. */
export function checkCertificate(
  exchange: Exchange,
  { clientCertificate: rule }: Pick<Route, 'clientCertificate'>,
): CertificateFailure | undefined {
  const { certificates, now } = exchange.gateway;
  const bound = exchange.credential?.certificates;
  if (rule === undefined && bound === undefined && certificates.mode !== 'required') return undefined;
  const presented = exchange.presentedCertificate();
  const failure = certificates.judge(presented, rule, bound, now());
  if (failure === undefined && typeof presented !== 'string') exchange.certificate = presented;
  return failure;
}
