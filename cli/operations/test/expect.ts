/** Compares what came with what a test expects. Pure. */
import type { TestExpectation } from '../../../schema/test-file.js';
import { quoted, shown } from '../../../schema/shown.js';
import type { Received } from './upstreams.js';

/** What the gateway answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** One thing that is not as expected; the path leads to it below `expect`. */
export interface Mismatch {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Everything in which an answer differs. */
export function compareAnswer({ status, headers = {}, body }: TestExpectation, answer: Answer): Mismatch[] {
  return [
    ...(status === undefined || status === answer.status
      ? []
      : [{ path: ['status'], message: `The status is ${answer.status}, not ${status}.` }]),
    ...compareHeaders(headers, answer.headers, ['headers'], 'The answer'),
    ...(body === undefined ? [] : compareBody(body, answer.body, ['body'])),
  ];
}

/** Everything in which what reached the upstreams differs. */
export function compareReceived(wanted: TestExpectation['upstream'], received: readonly Received[]): Mismatch[] {
  if (wanted === undefined) return [];
  const { requests, method, path, headers = {}, body } = wanted;
  const last = received.at(-1);
  const counted =
    requests === undefined || requests === received.length
      ? []
      : [{ path: ['upstream', 'requests'], message: `${received.length} requests reached upstreams, not ${requests}.` }];
  const isAboutOne = [method, path, body].some((part) => part !== undefined) || Object.keys(headers).length > 0;
  if (last === undefined) return isAboutOne ? [...counted, { path: ['upstream'], message: 'No request reached an upstream.' }] : counted;
  return [
    ...counted,
    ...(method === undefined || method === last.method
      ? []
      : [{ path: ['upstream', 'method'], message: `The method is ${last.method}, not ${method}.` }]),
    ...(path === undefined || path === last.path
      ? []
      : [{ path: ['upstream', 'path'], message: `The path is ${quoted(last.path)}, not ${quoted(path)}.` }]),
    ...compareHeaders(headers, last.headers, ['upstream', 'headers'], 'The request'),
    ...(body === undefined ? [] : compareBody(body, last.body, ['upstream', 'body'])),
  ];
}

function compareHeaders(
  wanted: Readonly<Record<string, string | number | boolean | null>>,
  found: Answer['headers'],
  path: readonly string[],
  what: string,
): Mismatch[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const header = found[name.toLowerCase()];
    const text = header === undefined ? undefined : [header].flat().join(', ');
    const at = [...path, name];
    if (value === null) return text === undefined ? [] : [{ path: at, message: `${what} has the header ${name}: ${quoted(text)}.` }];
    if (text === undefined) return [{ path: at, message: `${what} has no header ${name}.` }];
    return text === String(value) ? [] : [{ path: at, message: `The header ${name} is ${quoted(text)}, not ${quoted(String(value))}.` }];
  });
}

function compareBody(wanted: unknown, body: string, path: readonly string[]): Mismatch[] {
  if (typeof wanted === 'string') return body.includes(wanted) ? [] : [{ path, message: `The body does not contain ${quoted(wanted)}.` }];
  const value = parseJson(body);
  return value === undefined ? [{ path, message: 'The body is not JSON.' }] : compareValue(wanted, value, path);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Each field of a wanted mapping is there; a list has the same number of entries. */
function compareValue(wanted: unknown, value: unknown, path: readonly (string | number)[]): Mismatch[] {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return [{ path, message: `It is ${shown(value)}, not a list.` }];
    if (value.length !== wanted.length) return [{ path, message: `The list has ${value.length} entries, not ${wanted.length}.` }];
    return wanted.flatMap((entry, index) => compareValue(entry, value[index], [...path, index]));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return [{ path, message: `It is ${shown(value)}, not a mapping.` }];
    return Object.entries(wanted).flatMap(([name, entry]) => {
      const at = [...path, name];
      if (!Object.hasOwn(value, name)) return [{ path: at, message: `There is no field ${quoted(name)}.` }];
      return compareValue(entry, (value as Readonly<Record<string, unknown>>)[name], at);
    });
  }
  return value === wanted ? [] : [{ path, message: `It is ${shown(value)}, not ${shown(wanted)}.` }];
}
