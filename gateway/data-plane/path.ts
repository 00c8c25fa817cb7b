/** One canonical path: what is matched, authenticated, limited and forwarded is the same bytes (security requirement 6). */

/** Segments of plain characters; no empty segment, no dot segment, a slash at the end is fine. */
const PLAIN = /^\/(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9!$&'()*+,=:@._~[\]|^{}-]+(?:\/|$))*$/;
const CHARACTERS = /^[A-Za-z0-9!$&'()*+,=:@._~[\]|^{}%/-]+$/;
const ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** Encoded separators, NUL and other control characters, and the percent sign itself. */
const FORBIDDEN_ESCAPE = /%(?:2[5Ff]|5[Cc]|[01][0-9A-Fa-f]|7[Ff])/;

/** What is wrong with a raw request path; undefined when it is canonical. */
export function pathProblem(path: string): string | undefined {
  if (PLAIN.test(path)) return undefined;
  if (!path.startsWith('/')) return 'The request target has to begin with "/".';
  if (path.includes(';')) return 'Matrix parameters are not accepted in the path.';
  if (path.includes('\\')) return 'A path has no backslash.';
  if (!CHARACTERS.test(path)) return 'The path holds a character that has to be percent-encoded.';
  return escapeProblem(path) ?? segmentProblem(path);
}

function escapeProblem(path: string): string | undefined {
  if (ESCAPE.test(path)) return 'The path holds an incomplete percent escape.';
  if (FORBIDDEN_ESCAPE.test(path))
    return 'Encoded slashes, backslashes, percent signs and control characters are not accepted in the path.';
  try {
    decodeURIComponent(path);
  } catch {
    return 'The percent escapes of the path are not UTF-8.';
  }
  return undefined;
}

function segmentProblem(path: string): string | undefined {
  const segments = path.replace(/%2e/gi, '.').split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'Dot segments are not accepted in the path.';
  return segments.slice(1, -1).includes('') ? 'Empty segments are not accepted in the path.' : undefined;
}

/** A request target in its parts. */
export interface Target {
  readonly path: string;
  /** With the question mark, byte for byte as received; or empty. */
  readonly query: string;
  /** The authority of an absolute-form target. */
  readonly authority: string | undefined;
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

/** Splits a request target; `undefined` when it is none that a gateway forwards (`*`, authority-form, a fragment). */
export function parseTarget(target: string): Target | undefined {
  if (target.includes('#')) return undefined;
  if (target.startsWith('/')) return split(target, undefined);
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return undefined;
  const [, authority = '', rest = ''] = absolute;
  return split(rest.startsWith('/') ? rest : `/${rest}`, authority);
}

function split(target: string, authority: string | undefined): Target {
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: '', authority };
  return { path: target.slice(0, mark), query: target.slice(mark), authority };
}
