/** Arguments of a tool as the request that they stand for. Whatever they hold, it stays inside the part of the request that it is for. */
import { pathProblem } from '../path.js';
import { isProblem, readHead } from '../request-head.js';
import { isMapping, type Mapping } from '../../../schema/operations.js';
import { isJsonType, type Operation, type Parameter } from './openapi-operations.js';

/** What is asked of an API, behind its prefix. */
export interface ToolRequest {
  readonly method: string;
  /** Percent-encoded and canonical; begins with a slash, or is empty. */
  readonly path: string;
  /** With the question mark, or empty. */
  readonly query: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: { readonly text: string; readonly mediaType: string } | undefined;
}

/** Arguments cannot be written as a request; the message says which and why, for whoever chose them. */
export class ArgumentError extends Error {}

/** A parameter with the name of the argument that sets it. */
export interface NamedParameter extends Parameter {
  readonly argument: string;
}

export const BODY = 'body';

/** The request of an operation. Throws ArgumentError. */
export function requestOf({ method, path, body }: Operation, parameters: readonly NamedParameter[], given: Mapping): ToolRequest {
  const known = new Set([...parameters.map(({ argument }) => argument), ...(body === undefined ? [] : [BODY])]);
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new ArgumentError(`There is no argument "${unknown.slice(0, 100)}". Arguments: ${[...known].join(', ') || 'none'}.`);
  const values = parameters.flatMap((parameter) => {
    const value = valueOf(given, parameter.argument);
    if (value === undefined && parameter.isRequired) throw new ArgumentError(`The argument "${parameter.argument}" is missing.`);
    return value === undefined ? [] : [{ parameter, value }];
  });
  const in_ = (place: string) => values.filter(({ parameter }) => parameter.place === place);
  const query = in_('query').flatMap(({ parameter, value }) => queryPairs(parameter, value));
  const content = body === undefined ? undefined : valueOf(given, BODY);
  if (body?.isRequired === true && content === undefined) throw new ArgumentError(`The argument "${BODY}" is missing.`);
  return {
    method,
    path: checkedPath(filledIn(path, in_('path'))),
    query: query.length === 0 ? '' : `?${query.join('&')}`,
    headers: in_('header').flatMap(({ parameter, value }) => [parameter.name, fieldValue(parameter, value)]),
    body: body === undefined || content === undefined ? undefined : { text: bodyText(body.mediaType, content), mediaType: body.mediaType },
  };
}

/** So much a head may have of path, query and fields (the gateway takes no more from clients either). */
const MAX_HEAD = 32 * 1024;
const MAX_FIELDS = 64;

/** A request that an upstream would read. Throws ArgumentError. */
export function checkedSize(request: ToolRequest): ToolRequest {
  const { path, query, headers } = request;
  const size = path.length + query.length + headers.reduce((sum, text) => sum + text.length, 0);
  if (size > MAX_HEAD)
    throw new ArgumentError(`The arguments make a path, query and headers of ${size} characters; at most ${MAX_HEAD} are sent.`);
  if (headers.length > 2 * MAX_FIELDS) throw new ArgumentError(`At most ${MAX_FIELDS} arguments that are headers are sent.`);
  return request;
}

const valueOf = (given: Mapping, name: string): unknown => (Object.hasOwn(given, name) ? (given[name] ?? undefined) : undefined);

/** A path that is sent as it is, behind the prefix of the API. Throws ArgumentError for what the gateway would refuse. */
export function checkedPath(path: string): string {
  if (path.length > MAX_HEAD)
    throw new ArgumentError(`The arguments make a path of ${path.length} characters; at most ${MAX_HEAD} are sent.`);
  const problem = pathProblem(path === '' ? '/' : path);
  if (problem === undefined) return path;
  throw new ArgumentError(`The arguments make the path ${path.slice(0, 500)}, which is not accepted. ${problem}`);
}

/** Percent-encodes all that is not plain; throws ArgumentError for a text that is no Unicode. */
export function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    throw new ArgumentError('An argument holds half of a character.');
  }
}

interface Valued {
  readonly parameter: NamedParameter;
  readonly value: unknown;
}

function filledIn(path: string, values: readonly Valued[]): string {
  return path.replace(/\{([^{}]+)\}|([^{}]+)/g, (_whole, name: string | undefined, fixed: string | undefined) => {
    if (name === undefined) return encodeURI(decodeFixed(fixed ?? ''));
    const found = values.find(({ parameter }) => parameter.name === name);
    const text = found === undefined ? '' : listText(found.parameter, found.value, ',');
    if (text === '') throw new ArgumentError(`The argument "${found?.parameter.argument ?? name}" is empty: it is a part of the path.`);
    return text;
  });
}

/** The document may have its paths encoded or not. */
function decodeFixed(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}

const isScalar = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value);

function scalarText({ argument }: NamedParameter, value: unknown): string {
  if (isScalar(value)) return String(value);
  throw new ArgumentError(`The argument "${argument}" is a text, a number or a boolean here.`);
}

function listText(parameter: NamedParameter, value: unknown, separator: string): string {
  if (parameter.isJson) return encoded(JSON.stringify(value));
  const values: readonly unknown[] = Array.isArray(value) ? value : isMapping(value) ? Object.entries(value).flat() : [value];
  return values.map((each) => encoded(scalarText(parameter, each))).join(separator);
}

const SEPARATORS: Readonly<Record<string, string>> = { spaceDelimited: '%20', pipeDelimited: '%7C' };

/** `form` with explode is the default of a query (OpenAPI 3.1, 4.8.12). */
function queryPairs(parameter: NamedParameter, value: unknown): readonly string[] {
  const { name, style = 'form', explode = style === 'form', isJson } = parameter;
  const key = encoded(name);
  if (isJson) return [`${key}=${encoded(JSON.stringify(value))}`];
  if (isMapping(value) && style === 'deepObject')
    return Object.entries(value).map(([field, each]) => `${key}${encoded(`[${field}]`)}=${encoded(scalarText(parameter, each))}`);
  if (!explode) return [`${key}=${listText(parameter, value, SEPARATORS[style] ?? ',')}`];
  if (isMapping(value)) return Object.entries(value).map(([field, each]) => `${encoded(field)}=${encoded(scalarText(parameter, each))}`);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => `${key}=${encoded(scalarText(parameter, each))}`);
}

const FIELD_VALUE = /^[\x20-\x7e]*$/;

function fieldValue(parameter: NamedParameter, value: unknown): string {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const text = parameter.isJson ? JSON.stringify(value) : values.map((each) => scalarText(parameter, each)).join(',');
  if (FIELD_VALUE.test(text) && text.length <= 4096) return text;
  throw new ArgumentError(`The argument "${parameter.argument}" is a header: at most 4096 printable ASCII characters.`);
}

/** What says who calls, what is sent and what is wanted is the gateway's to write, as is all that it does not forward from clients. */
const NOT_SETTABLE: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'content-type',
  'content-encoding',
  'cookie',
  'origin',
  'user-agent',
]);

/** Whether a tool may set a header: only what a client may, and what goes on to the upstream. */
export function isSettable(name: string): boolean {
  if (!/^[!#$%&'*+.^`|~0-9A-Za-z-]+$/.test(name) || NOT_SETTABLE.has(name.toLowerCase())) return false;
  const head = readHead(['Host', 'localhost', name, 'value'], false);
  return !isProblem(head) && head.forwarded.includes(name);
}

function bodyText(mediaType: string, content: unknown): string {
  if (isJsonType(mediaType)) return JSON.stringify(content);
  if (typeof content === 'string') return content;
  if (!isMapping(content)) throw new ArgumentError(`The argument "${BODY}" is a text here, or a mapping for a form.`);
  const pairs = Object.entries(content).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : [value]).map(
      (each) => `${encoded(name)}=${encoded(isScalar(each) ? String(each) : JSON.stringify(each))}`,
    ),
  );
  return pairs.join('&');
}
