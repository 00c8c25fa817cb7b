/** The operations of an OpenAPI document, with what they refer to inside of it. */
import { field, isMapping, own, resolved, textOf, type Mapping, type OperationPlace, type Resolved } from '../../../schema/operations.js';

export type ParameterPlace = 'path' | 'query' | 'header';

/** A parameter that a tool may set: name, place and style as the document has them. */
export interface Parameter {
  readonly name: string;
  readonly place: ParameterPlace;
  readonly isRequired: boolean;
  readonly description: string | undefined;
  readonly schema: unknown;
  /** How lists and mappings are written; undefined: the default of its place. */
  readonly style: string | undefined;
  readonly explode: boolean | undefined;
  /** Its value is JSON text. */
  readonly isJson: boolean;
}

export interface RequestBody {
  readonly mediaType: string;
  readonly isRequired: boolean;
  readonly description: string | undefined;
  readonly schema: unknown;
}

export interface Operation {
  readonly method: string;
  /** As in the document: `/payments/{id}`. */
  readonly path: string;
  readonly id: string | undefined;
  readonly summary: string | undefined;
  readonly description: string | undefined;
  readonly parameters: readonly Parameter[];
  /** Undefined: it takes none, or none that can be written as text. */
  readonly body: RequestBody | undefined;
  /** It needs what a tool cannot give: a cookie, a body of a form that is not supported, or more parameters than one may have. */
  readonly isOutOfReach: boolean;
}

/** Documents are other people's: what is read of one operation is bounded, so that no document holds the gateway up. */
const MAX_NAME = 200;
const MAX_PARAMETERS = 100;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** Reads an operation of a document. */
export function operationOf(document: Mapping, { path, method, id, item, operation }: OperationPlace): Operation {
  const lists = [listOf(field(item, 'parameters')), listOf(own(operation, 'parameters'))];
  const found = parametersOf(
    document,
    lists.flatMap((list) => list.slice(0, MAX_PARAMETERS)),
  );
  const body = method === 'GET' || method === 'DELETE' ? [] : resolved(document, own(operation, 'requestBody'));
  const readable = bodyOf(document, body);
  const placeholders = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name ?? '');
  const described = new Set(found.filter(({ place }) => place === 'path').map(({ name }) => name));
  return {
    method,
    path,
    id,
    summary: textOf(own(operation, 'summary')),
    description: textOf(own(operation, 'description')),
    // A placeholder that nothing describes has to be filled in all the same.
    parameters: [
      ...placeholders.filter((name) => !described.has(name)).map(undescribed),
      ...found.flatMap(({ place, ...rest }) =>
        place === 'cookie' || (place === 'path' && !placeholders.includes(rest.name)) ? [] : [{ ...rest, place }],
      ),
    ],
    body: readable,
    isOutOfReach:
      lists.some((list) => list.length > MAX_PARAMETERS) ||
      placeholders.length > MAX_PARAMETERS ||
      found.some(({ place, isRequired }) => place === 'cookie' && isRequired) ||
      (readable === undefined && field(body, 'required') === true),
  };
}

const undescribed = (name: string): Parameter => ({
  name,
  place: 'path',
  isRequired: true,
  description: undefined,
  schema: { type: 'string' },
  style: undefined,
  explode: undefined,
  isJson: false,
});

type AnyParameter = Omit<Parameter, 'place'> & { readonly place: ParameterPlace | 'cookie' };

/** Those of the operation go before those of its path (OpenAPI 3.1, 4.8.9). Names of headers are the same in upper and lower case. */
function parametersOf(document: Mapping, values: readonly unknown[]): readonly AnyParameter[] {
  const found = new Map<string, AnyParameter>();
  for (const value of values) {
    const parameter = parameterOf(document, value);
    if (parameter === undefined) continue;
    const { place, name } = parameter;
    found.set(`${place} ${place === 'header' ? name.toLowerCase() : name}`, parameter);
  }
  return [...found.values()];
}

function parameterOf(document: Mapping, value: unknown): AnyParameter | undefined {
  const parameter = resolved(document, value);
  const [name, place] = [field(parameter, 'name'), field(parameter, 'in')];
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME) return undefined;
  if (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie') return undefined;
  const content = firstOf(field(parameter, 'content'));
  const explode = field(parameter, 'explode');
  return {
    name,
    place,
    isRequired: place === 'path' || field(parameter, 'required') === true,
    description: textOf(field(parameter, 'description')),
    schema: content === undefined ? field(parameter, 'schema') : own(content.value, 'schema'),
    style: textOf(field(parameter, 'style')),
    explode: typeof explode === 'boolean' ? explode : undefined,
    isJson: content !== undefined && isMediaType(content.name) && isJsonType(content.name),
  };
}

function firstOf(mapping: unknown): { readonly name: string; readonly value: unknown } | undefined {
  if (!isMapping(mapping)) return undefined;
  for (const name in mapping) return { name, value: mapping[name] };
  return undefined;
}

/** It becomes a header field as it is. */
const isMediaType = (text: string): boolean => text.length <= 200 && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text);
export const isJsonType = (mediaType: string): boolean => /^application\/(?:[\w.+-]+\+)?json(?:;|$)/i.test(mediaType);
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i;
const TEXT = /^text\/|^application\/(?:[\w.+-]+\+)?xml(?:;|$)/i;

function bodyOf(document: Mapping, body: Resolved): RequestBody | undefined {
  const content = field(body, 'content');
  const mediaType = isMapping(content) ? mediaTypeOf(content) : undefined;
  if (mediaType === undefined) return undefined;
  return {
    mediaType,
    isRequired: field(body, 'required') === true,
    description: textOf(field(body, 'description')),
    schema: field(resolved(document, own(content, mediaType)), 'schema'),
  };
}

/** Many operations may share one body. */
const mediaTypes = new WeakMap<Mapping, string | undefined>();

/** JSON before a form before text; what else there may be cannot be written as an argument. */
function mediaTypeOf(content: Mapping): string | undefined {
  if (mediaTypes.has(content)) return mediaTypes.get(content);
  const types = Object.keys(content).filter(isMediaType);
  const found = types.find(isJsonType) ?? types.find((type) => FORM.test(type)) ?? types.find((type) => TEXT.test(type));
  mediaTypes.set(content, found);
  return found;
}
