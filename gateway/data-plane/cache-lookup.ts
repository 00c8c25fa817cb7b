/** Whether an answer that is kept will do for a request. */
import type { CacheRules } from '../policies/contract.js';
import type { KeptAnswer, Place } from './answer-cache.js';
import { ageOf, CacheVisit, isChange, isFresh, replyOf, type KeptReply, type Places } from './cache-visit.js';
import type { Exchange } from './exchange.js';
import * as http from './freshness.js';
import { errorReply } from './own-routes.js';
import type { Route } from './snapshot.js';

/** Looks for an answer. Undefined: the upstream is asked, and `exchange.visit` follows what comes of it. */
export function lookUp(exchange: Exchange, route: Route, rules: CacheRules): KeptReply | undefined {
  const { answers, now } = exchange.gateway;
  const { path, headers } = exchange.upstreamRequest(route, route.upstream);
  const request = http.fieldsOf(headers);
  const asked = http.directivesOf(request);
  const places = placesOf(exchange, route, path, request, rules);
  const visit = new CacheVisit({ answers, now, rules, request, places, method: exchange.method });
  exchange.visit = visit;
  if (isBypassed(exchange, request, asked)) {
    route.metrics.cached('bypass');
    return undefined;
  }
  const found = [places.own, rules.sharePublic ? places.shared : undefined].flatMap((place) =>
    place === undefined ? [] : answers.find(place).map((answer) => ({ place, answer })),
  );
  const matching = found.filter(({ answer }) => answer.vary.every(([name, value]) => request.get(name) === value));
  const fresh = matching.find(({ answer }) => isGoodFor(answer, asked, now()));
  if (fresh !== undefined) {
    answers.count(true);
    exchange.visit = undefined;
    route.metrics.cached('hit');
    return replyOf(fresh.answer, request, now(), 'stoa; hit');
  }
  if (asked.has('only-if-cached')) return errorReply('gateway_timeout', 'The answer is not kept, and the request wants no other.');
  answers.count(false);
  route.metrics.cached('miss');
  const isStale = matching.some(({ answer }) => !isFresh(answer, now()));
  visit.miss(matching.length > 0 ? (isStale ? 'stale' : 'request') : found.length > 0 ? 'vary-miss' : 'uri-miss', matching[0]);
  return undefined;
}

/** Follows a request that no cache policy governs: what others have kept of its address goes when it changes that. */
export function watchForChange(exchange: Exchange, route: Route): void {
  const { gateway, method } = exchange;
  if (!isChange(method, 200) || gateway.answers.isEmpty()) return;
  const resource = resourceOf(route, exchange.upstreamRequest(route, route.upstream).path);
  exchange.visit = {
    receive(status) {
      if (isChange(method, status)) gateway.answers.invalidate(resource);
      return undefined;
    },
    revalidate: () => undefined,
    take: () => undefined,
    end: () => undefined,
    drop: () => undefined,
  };
}

const resourceOf = ({ tenant, id, upstream }: Route, path: string): string => JSON.stringify([tenant, id, upstream.origin, path]);

/** Requests that the cache has no part in, but for what they invalidate. */
function isBypassed({ method, hasBody, isUpgrade }: Exchange, request: http.Fields, asked: http.Directives): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || hasBody || isUpgrade) return true;
  return asked.has('no-store') || ['range', 'if-match', 'if-unmodified-since'].some((name) => request.has(name));
}

/** The gateway passes on who the caller is; nothing that belongs to one is ever found by another. */
function placesOf(exchange: Exchange, route: Route, path: string, request: http.Fields, { keyHeaders }: CacheRules): Places {
  const { credential, certificate } = exchange;
  const resource = resourceOf(route, path);
  const asked = ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', ...keyHeaders].map((name) => request.get(name) ?? null);
  const place = (whose: string): Place => ({ resource, key: JSON.stringify([resource, asked, whose]) });
  const isSomebodyElse =
    certificate !== undefined || ['authorization', 'cookie'].some((name) => request.has(name) || sentByClient(exchange, name));
  const own = credential === undefined ? 'anonymous' : `subscription ${credential.subscriptionId}`;
  return { own: isSomebodyElse ? undefined : place(own), shared: place('everybody') };
}

/** A policy may have taken credentials away or given them another name: whoever they belong to, the answer is theirs. */
const sentByClient = (exchange: Exchange, name: string): boolean =>
  exchange.header(name) !== undefined && !(name === 'authorization' && exchange.keyInAuthorization);

/** Fresh, and young enough for what the client asks. */
function isGoodFor(answer: KeptAnswer, asked: http.Directives, nowMs: number): boolean {
  const age = ageOf(answer, nowMs);
  const maxAge = http.millisecondsOf(asked, 'max-age') ?? Infinity;
  const minFresh = http.millisecondsOf(asked, 'min-fresh') ?? 0;
  return !asked.has('no-cache') && age <= maxAge && age + minFresh < answer.lifetime;
}
