/** A request that no kept answer will do for: what the upstream is asked, and what becomes of its answer. */
import type { CacheRules, Reply } from '../policies/contract.js';
import type { AnswerCache, KeptAnswer, Place, Recording } from './answer-cache.js';
import * as http from './freshness.js';

/** A complete answer whose body may be bytes. */
export type KeptReply = Omit<Reply, 'body'> & { readonly body: string | Buffer };

/** Why a request goes to the upstream, as RFC 9211 calls it. */
type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale' | 'request';

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const CONDITIONS: ReadonlySet<string> = new Set(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range']);
/** Said anew for each client, or only of the connection that the answer came on. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  ...['age', 'content-length', 'ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
]);
/** What a 304 says of the answer that the client has (RFC 9110, 15.4.5). */
const IN_304: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'vary',
  'via',
  'last-modified',
]);
/** Fields of a 304 that say nothing of the answer that is kept (RFC 9111, 3.2). */
const NOT_RENEWED: ReadonlySet<string> = new Set(['content-encoding', 'content-type', 'content-range', 'content-length', 'via']);

export interface Places {
  /** What belongs to the caller; undefined when the caller has credentials of which nothing is known. */
  readonly own: Place | undefined;
  /** What is for everybody. */
  readonly shared: Place;
}

/** How old an answer is now, in milliseconds. */
export const ageOf = ({ ageOnArrival, arrivedAt }: KeptAnswer, nowMs: number): number => ageOnArrival + Math.max(0, nowMs - arrivedAt);
export const isFresh = (answer: KeptAnswer, nowMs: number): boolean => ageOf(answer, nowMs) < answer.lifetime;

/** The answer for a client, or 304 when it has it already. */
export function replyOf(answer: KeptAnswer, request: http.Fields, nowMs: number, status: string): KeptReply {
  const age = ageOf(answer, nowMs);
  const about = `${status}; ttl=${Math.floor((answer.lifetime - age) / 1000)}`;
  const own = ['Age', String(Math.floor(age / 1000)), 'Cache-Status', about];
  if (answer.status === 200 && http.isUnchanged(request, http.fieldsOf(answer.headers)))
    return { status: 304, headers: [...filtered(answer.headers, (name) => IN_304.has(name)), ...own], body: '' };
  return { status: answer.status, headers: [...answer.headers, ...own], body: answer.body };
}

function filtered(headers: readonly string[], isWanted: (name: string) => boolean): string[] {
  return headers.flatMap((text, index) => (index % 2 === 0 && isWanted(text.toLowerCase()) ? [text, headers[index + 1] ?? ''] : []));
}

/** Whether an answer says that what is kept of its address may have changed (RFC 9111, 4.4). */
export const isChange = (method: string, status: number): boolean => !SAFE.has(method) && status >= 200 && status < 400;

/** Follows a request to the upstream and its answer back, each part as it passes. */
export interface Visit {
  /** The request head, before it is sent. */
  revalidate(headers: string[]): void;
  /** The head of the answer; a reply takes its place. */
  receive(status: number, headers: string[], isFramed: boolean): KeptReply | undefined;
  take(chunk: Buffer): void;
  /** The answer is whole. */
  end(): void;
  /** The answer is not going to be whole. */
  drop(): void;
}

interface VisitOptions {
  readonly answers: AnswerCache;
  readonly rules: CacheRules;
  /** As the upstream sees it. */
  readonly request: http.Fields;
  readonly places: Places;
  readonly method: string;
  now(): number;
}

interface Found {
  readonly place: Place;
  readonly answer: KeptAnswer;
}

/** What is known of an answer before its body. */
type Draft = Omit<KeptAnswer, 'body'>;

/** The visit of a request that may be answered from the cache. */
export class CacheVisit implements Visit {
  readonly #options: VisitOptions;
  readonly #askedAt: number;
  #why: Forwarded;
  #stale: Found | undefined = undefined;
  #recording: Recording | undefined = undefined;
  #draft: { readonly place: Place; readonly answer: Draft } | undefined = undefined;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.#askedAt = options.now();
    this.#why = options.method === 'GET' || options.method === 'HEAD' ? 'bypass' : 'method';
  }

  /** Nothing that is kept will do as it is. */
  miss(why: Forwarded, found: Found | undefined): void {
    const { method, answers, places, rules } = this.#options;
    this.#why = why;
    // An answer to HEAD has no body that could be kept.
    if (method !== 'GET') return;
    const fields = found && http.fieldsOf(found.answer.headers);
    if (fields?.has('etag') === true || fields?.has('last-modified') === true) this.#stale = found;
    this.#recording = answers.record(places.shared, rules.maxBodyBytes);
  }

  /** Asks the upstream whether what is kept has changed, in place of what the client asks. */
  revalidate(headers: string[]): void {
    if (this.#stale === undefined) return;
    const fields = http.fieldsOf(this.#stale.answer.headers);
    const kept = filtered(headers, (name) => !CONDITIONS.has(name));
    headers.splice(0, headers.length, ...kept);
    const [etag, modified] = [fields.get('etag'), fields.get('last-modified')];
    if (etag !== undefined) headers.push('if-none-match', etag);
    if (modified !== undefined) headers.push('if-modified-since', modified);
  }

  /** The head of the upstream's answer; says of it where it came from. A reply takes its place: what is kept has not changed. */
  receive(status: number, headers: string[], isFramed: boolean): KeptReply | undefined {
    const { answers, places, method } = this.#options;
    if (isChange(method, status)) answers.invalidate(places.shared.resource);
    if (status === 304 && this.#stale !== undefined) return this.#renew(this.#stale, headers);
    // What is asked for has another answer now, or none; an error of the server says neither.
    if (this.#stale !== undefined && status < 500) answers.remove(this.#stale.place, this.#stale.answer);
    this.#draft = this.#recording !== undefined && isFramed ? this.#draftOf(status, headers) : undefined;
    if (this.#draft === undefined) this.drop();
    headers.push('Cache-Status', `stoa; fwd=${this.#why}${this.#draft === undefined ? '' : '; stored'}`);
    return undefined;
  }

  take(chunk: Buffer): void {
    this.#recording?.take(chunk);
  }

  /** The answer is whole. */
  end(): void {
    const body = this.#recording?.end();
    this.#recording = undefined;
    if (body !== undefined && this.#draft !== undefined) this.#options.answers.put(this.#draft.place, { ...this.#draft.answer, body });
  }

  /** Nothing is kept of this answer. */
  drop(): void {
    this.#recording?.drop();
    this.#recording = undefined;
  }

  /** Where and how this answer may be kept; undefined when it may not. */
  #draftOf(status: number, headers: readonly string[]): { readonly place: Place; readonly answer: Draft } | undefined {
    const { rules, request, now, places } = this.#options;
    const fields = http.fieldsOf(headers);
    const directives = http.directivesOf(fields);
    const names = http.variesOn(fields);
    if (names === undefined || !http.mayBeKept(status, fields, directives) || isTooLong(fields, rules)) return undefined;
    const lifetime = http.saidLifetime(fields, directives, now()) ?? (status === 200 ? rules.ttlMs : undefined) ?? 0;
    if (lifetime === 0 && !fields.has('etag') && !fields.has('last-modified')) return undefined;
    // What varies by who asks is not for everybody, whatever else it says.
    const isForAll = rules.sharePublic && (directives.has('public') || directives.has('s-maxage'));
    const place = isForAll && !names.some((name) => name === 'authorization' || name === 'cookie') ? places.shared : places.own;
    if (place === undefined) return undefined;
    const vary = names.map((name) => [name, ownText(request.get(name))] as const);
    const kept = filtered(headers, (name) => !NOT_KEPT.has(name));
    const ageOnArrival = http.ageOnArrival(fields, now(), now() - this.#askedAt);
    return { place, answer: { status, headers: kept, arrivedAt: now(), ageOnArrival, lifetime, vary } };
  }

  /** The upstream says that nothing has changed: what is kept is as good as new (RFC 9111, 4.3.4). */
  #renew({ place, answer }: Found, news: readonly string[]): KeptReply {
    const { answers, request, now } = this.#options;
    const renewed = filtered(news, (name) => !NOT_RENEWED.has(name));
    const names = http.fieldsOf(renewed);
    const headers = [...filtered(answer.headers, (name) => !names.has(name)), ...renewed];
    // Undefined when it was invalidated since it was asked about.
    const isValid = this.#recording?.end() !== undefined;
    const draft = this.#draftOf(answer.status, headers);
    answers.remove(place, answer);
    if (draft !== undefined && isValid) answers.put(draft.place, { ...draft.answer, body: answer.body });
    const shown = { ...(draft?.answer ?? { ...answer, headers, arrivedAt: now(), ageOnArrival: 0 }), body: answer.body };
    return replyOf(shown, request, now(), `stoa; fwd=${this.#why}; fwd-status=304`);
  }
}

/** A text that holds no longer one in memory of which it was a part. */
const ownText = (text: string | undefined): string | undefined => text && Buffer.from(text, 'latin1').toString('latin1');
const isTooLong = (fields: http.Fields, { maxBodyBytes }: CacheRules): boolean => Number(fields.get('content-length') ?? 0) > maxBodyBytes;
