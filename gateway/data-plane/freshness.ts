/** What HTTP says of an answer that is kept (RFC 9111): how old it is, how long it is fresh, and whether a shared cache may keep it at all. */

/** Fields by lower-case name; several of one name are joined with commas. */
export type Fields = ReadonlyMap<string, string>;

/** Directives of `Cache-Control` by lower-case name; true without a value. */
export type Directives = ReadonlyMap<string, string | true>;

/** `headers` are name, value, name, value. */
export function fieldsOf(headers: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase() ?? '';
    const before = fields.get(name);
    fields.set(name, before === undefined ? (headers[index + 1] ?? '') : `${before}, ${headers[index + 1] ?? ''}`);
  }
  return fields;
}

const DIRECTIVE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/g;

/** A directive that stands there twice with different values has none that can be read: what it limits is 0. */
export function directivesOf(fields: Fields): Directives {
  const text = fields.get('cache-control') ?? (/no-cache/i.test(fields.get('pragma') ?? '') ? 'no-cache' : '');
  const directives = new Map<string, string | true>();
  for (const [, name = '', quoted, plain] of text.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    const value = quoted ?? plain ?? true;
    const before = directives.get(key);
    directives.set(key, before === undefined || before === value ? value : '');
  }
  return directives;
}

const MAX_SECONDS = 2 ** 31;

/** Milliseconds of a directive in seconds; 0 when it cannot be read; undefined without it. */
export function millisecondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  return value === undefined ? undefined : secondsOf(value) * 1000;
}

const secondsOf = (value: string | true | undefined): number =>
  typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : 0;

/** Epoch milliseconds of an HTTP date in any of its three forms; undefined for none. */
export function instantOf(text: string | undefined): number | undefined {
  // Each form begins with a day; of less, such as "0", Date.parse would make a year.
  if (text === undefined || !/^[A-Z][a-z]{2}/.test(text)) return undefined;
  const instant = Date.parse(/GMT$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(instant) ? undefined : instant;
}

/** How old an answer is when it arrives, `delayMs` after it was asked for (RFC 9111, 4.2.3). */
export function ageOnArrival(fields: Fields, nowMs: number, delayMs: number): number {
  const apparent = Math.max(0, nowMs - (instantOf(fields.get('date')) ?? nowMs));
  return Math.max(apparent, secondsOf(fields.get('age')?.split(',')[0]?.trim()) * 1000 + Math.max(0, delayMs));
}

/** How long an answer is fresh since it was made (RFC 9111, 4.2.1); undefined when it does not say. */
export function saidLifetime(fields: Fields, directives: Directives, nowMs: number): number | undefined {
  // It may be kept, and is asked about each time.
  if (directives.has('no-cache')) return 0;
  const said = millisecondsOf(directives, 's-maxage') ?? millisecondsOf(directives, 'max-age');
  if (said !== undefined) return said;
  const expires = fields.get('expires');
  if (expires === undefined) return undefined;
  const made = instantOf(fields.get('date')) ?? nowMs;
  return Math.max(0, (instantOf(expires) ?? 0) - made);
}

/** Statuses that may be kept without a word, and those that may when the answer says how long. Parts of answers (206) never. */
const BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
const WHEN_SAID: ReadonlySet<number> = new Set([302, 303, 307]);

/** Whether a shared cache may keep an answer to GET at all. One that sets cookies is somebody's own, whatever else it says. */
export function mayBeKept(status: number, fields: Fields, directives: Directives): boolean {
  if (directives.has('no-store') || directives.has('private') || fields.has('set-cookie')) return false;
  const isSaid = ['s-maxage', 'max-age'].some((name) => directives.has(name)) || fields.has('expires');
  return BY_DEFAULT.has(status) || (isSaid && WHEN_SAID.has(status));
}

/** The names in `Vary`; undefined for `*`, which nothing matches. */
export function variesOn(fields: Fields): readonly string[] | undefined {
  const names = (fields.get('vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.includes('*') ? undefined : [...new Set(names.filter((name) => name !== ''))].sort();
}

/** Whether the client has this answer already (RFC 9110, 13.2.2): its own tag, or else its own date. */
export function isUnchanged(request: Fields, answer: Fields): boolean {
  const tags = request.get('if-none-match');
  if (tags !== undefined) {
    const tag = opaque(answer.get('etag'));
    return tags.trim() === '*' || (tag !== undefined && (tags.match(/(?:W\/)?"[^"]*"/g) ?? []).some((one) => opaque(one) === tag));
  }
  const since = instantOf(request.get('if-modified-since'));
  const modified = instantOf(answer.get('last-modified'));
  return since !== undefined && modified !== undefined && modified <= since;
}

/** Weak comparison: what counts is between the quotes. */
const opaque = (tag: string | undefined): string | undefined => tag?.replace(/^W\//, '');
