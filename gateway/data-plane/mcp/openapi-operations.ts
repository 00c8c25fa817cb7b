/** The operations of an OpenAPI document, with what they refer to inside of it. Nothing outside of it is ever looked at. */
export type Mapping = Readonly<Record<string, unknown>>;

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
  /** It needs what a tool cannot give: a cookie, or a body of a form that is not supported. */
  readonly isOutOfReach: boolean;
}

export const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined);
const own = (mapping: unknown, name: string): unknown => (isMapping(mapping) && Object.hasOwn(mapping, name) ? mapping[name] : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const MAX_REFERENCES = 20;

/** All operations that an MCP client may be offered, in the order of the document. */
export function operationsOf(document: Mapping): readonly Operation[] {
  const paths = own(document, 'paths');
  if (!isMapping(paths)) return [];
  return Object.entries(paths).flatMap(([path, item]) => {
    const whole = path.startsWith('/') ? resolved(document, item) : undefined;
    if (whole === undefined) return [];
    return METHODS.flatMap((method) => {
      const operation = own(whole, method);
      return isMapping(operation) ? [operationOf(document, path, method, whole, operation)] : [];
    });
  });
}

function operationOf(document: Mapping, path: string, method: string, item: Mapping, operation: Mapping): Operation {
  const found = parametersOf(document, item, operation);
  const body = method === 'get' || method === 'delete' ? undefined : resolved(document, own(operation, 'requestBody'));
  const readable = body === undefined ? undefined : bodyOf(document, body);
  const placeholders = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name ?? '');
  const described = new Set(found.filter(({ place }) => place === 'path').map(({ name }) => name));
  return {
    method: method.toUpperCase(),
    path,
    id: textOf(own(operation, 'operationId')),
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
      found.some(({ place, isRequired }) => place === 'cookie' && isRequired) || (readable === undefined && own(body, 'required') === true),
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

/** Those of the operation go before those of its path (OpenAPI 3.1, 4.8.9). */
function parametersOf(document: Mapping, item: Mapping, operation: Mapping): readonly AnyParameter[] {
  const found = new Map<string, AnyParameter>();
  for (const value of [...listOf(own(item, 'parameters')), ...listOf(own(operation, 'parameters'))]) {
    const parameter = parameterOf(document, value);
    if (parameter !== undefined) found.set(`${parameter.place} ${parameter.name}`, parameter);
  }
  return [...found.values()];
}

function parameterOf(document: Mapping, value: unknown): AnyParameter | undefined {
  const parameter = resolved(document, value);
  const [name, place] = [own(parameter, 'name'), own(parameter, 'in')];
  if (typeof name !== 'string' || name === '' || typeof place !== 'string') return undefined;
  if (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie') return undefined;
  const [[mediaType, content] = ['', undefined]] = Object.entries(own(parameter, 'content') ?? {}) as [string, unknown][];
  const explode = own(parameter, 'explode');
  return {
    name,
    place,
    isRequired: place === 'path' || own(parameter, 'required') === true,
    description: textOf(own(parameter, 'description')),
    schema: content === undefined ? own(parameter, 'schema') : own(content, 'schema'),
    style: textOf(own(parameter, 'style')),
    explode: typeof explode === 'boolean' ? explode : undefined,
    isJson: isJsonType(mediaType),
  };
}

export const isJsonType = (mediaType: string): boolean => /^application\/(?:[\w.+-]+\+)?json(?:;|$)/i.test(mediaType);
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i;
const TEXT = /^text\/|^application\/(?:[\w.+-]+\+)?xml(?:;|$)/i;

/** JSON before a form before text; what else there may be cannot be written as an argument. */
function bodyOf(document: Mapping, body: Mapping): RequestBody | undefined {
  const content = own(body, 'content');
  if (!isMapping(content)) return undefined;
  const types = Object.keys(content);
  const mediaType = types.find(isJsonType) ?? types.find((type) => FORM.test(type)) ?? types.find((type) => TEXT.test(type));
  if (mediaType === undefined) return undefined;
  return {
    mediaType,
    isRequired: own(body, 'required') === true,
    description: textOf(own(body, 'description')),
    schema: own(resolved(document, content[mediaType]), 'schema'),
  };
}

/** A mapping with what it refers to inside of the document; undefined where that leads nowhere. Fields of its own win. */
function resolved(document: Mapping, value: unknown): Mapping | undefined {
  let whole = isMapping(value) ? value : undefined;
  let at = whole;
  for (let followed = 0; at !== undefined && typeof at['$ref'] === 'string'; followed += 1) {
    const target: unknown = followed < MAX_REFERENCES ? targetOf(document, at['$ref']) : undefined;
    at = isMapping(target) ? target : undefined;
    whole = at === undefined ? undefined : { ...at, ...whole };
  }
  return whole;
}

/** What a reference inside of the document (RFC 6901) leads to. */
export function targetOf(document: Mapping, reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  return reference
    .slice(2)
    .split('/')
    .map((part) => part.replace(/%7B/gi, '{').replace(/%7D/gi, '}').replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((holder, key) => (Array.isArray(holder) ? (holder as unknown[])[Number(key)] : own(holder, key)), document);
}
