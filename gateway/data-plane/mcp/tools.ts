/** What MCP clients are offered of an API: the operations of its OpenAPI document, or its methods where it has none. */
import { createHash } from 'node:crypto';
import type { Credential, Route } from '../snapshot.js';
import { ArgumentSchemas } from './argument-schema.js';
import { isMapping, type Mapping, MAX_TOOLS, toolsProblem, wantedOperations, type OperationPlace } from '../../../schema/operations.js';
import { operationOf, type Operation } from './openapi-operations.js';
import type { ToolSource } from './tool-source.js';
import { ArgumentError, BODY, checkedPath, encoded, isSettable, requestOf, type NamedParameter, type ToolRequest } from './tool-request.js';

/** A tool, and what a call of it comes to. */
export interface Tool {
  readonly name: string;
  /** As `tools/list` gives it; made each time, so that nothing of a long document is held. Undefined: it needs what cannot be given, and is no tool. */
  define(): Definition | undefined;
  /** Throws ArgumentError. Undefined as with `define`. */
  request(given: Mapping): ToolRequest | undefined;
}

export interface Definition {
  readonly definition: Mapping;
  /** What it took to make it, in characters: never less than a part of its own length. */
  readonly weight: number;
}

/** What model providers take as a name. */
const MAX_NAME = 64;
const MAX_DESCRIPTION = 4096;
/** The tools of an API by name, in the order of their names; the same object as long as the API is unchanged. */
export type Tools = ReadonlyMap<string, Tool>;

const NO_TOOLS: Tools = new Map();
const made = new WeakMap<ToolSource, Tools>();

/** Whether MCP clients are offered anything of an API. */
const isOffered = (source: ToolSource | undefined): source is ToolSource => source !== undefined && source.mcp?.enabled !== false;

/** The tools of one API; made when they are first asked for. An API whose tools cannot be made has none, and `onPanic` is told once. */
export function toolsOf({ api, tools: source }: Pick<Route, 'api' | 'tools'>, onPanic: (error: unknown) => void): Tools {
  if (!isOffered(source)) return NO_TOOLS;
  let known = made.get(source);
  if (known !== undefined) return known;
  try {
    known = makeTools(api, source);
  } catch (error) {
    onPanic(error);
    known = NO_TOOLS;
  }
  made.set(source, known);
  return known;
}

const problems = new WeakMap<ToolSource, { readonly problem: string | undefined }>();

/** As `toolsProblem` says; looked for once. */
export function problemOf(source: ToolSource): string | undefined {
  const known = problems.get(source) ?? { problem: toolsProblem(source) };
  problems.set(source, known);
  return known.problem;
}

/** The routes whose tools a key may call: the API that it opens, and what its tenant has opened to everybody. */
export function routesFor(routes: readonly Route[], { tenant, api }: Credential): readonly Route[] {
  const own = byTenant(routes).get(tenant) ?? [];
  return own.filter((route) => (route.api === api || !route.authRequired) && route.state === 'active' && route.prefixes.length > 0);
}

const tenants = new WeakMap<readonly Route[], ReadonlyMap<string, readonly Route[]>>();

/** The routes of a snapshot by tenant. */
export function byTenant(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const known = tenants.get(routes);
  if (known !== undefined) return known;
  const grouped = new Map<string, Route[]>();
  for (const route of routes) {
    const own = grouped.get(route.tenant) ?? [];
    grouped.set(route.tenant, own);
    own.push(route);
  }
  tenants.set(routes, grouped);
  return grouped;
}

interface Draft {
  readonly base: string;
  readonly key: string;
  readonly make: (name: string) => Tool;
}

function makeTools(api: string, source: ToolSource): Tools {
  const drafts = source.openapi === undefined ? methodDrafts(api, source) : operationDrafts(source.openapi, source);
  const bases = new Map<string, number>();
  for (const { base } of drafts) bases.set(base, (bases.get(base) ?? 0) + 1);
  // Whoever shares a name is told apart by what it calls, not by its place: names stay when others come and go.
  const tools = drafts.map(({ base, key, make }) => make(toolName(`${api}_${base}`, key, bases.get(base) !== 1)));
  return new Map(tools.sort((a, b) => (a.name < b.name ? -1 : 1)).map((tool) => [tool.name, tool]));
}

function toolName(text: string, key: string, isShared: boolean): string {
  if (text.length <= MAX_NAME && !isShared) return text;
  const digest = createHash('sha256').update(`${text} ${key}`).digest('hex').slice(0, 8);
  return `${text.slice(0, MAX_NAME - digest.length - 1)}_${digest}`;
}

/** Whatever is longer gets a name of its own by its digest. */
function nameText(text: string): string {
  const plain = text.slice(0, 200).replace(/[^A-Za-z0-9_-]+/g, '_');
  let [from, to] = [0, plain.length];
  while (plain[from] === '_') from += 1;
  while (to > from && plain[to - 1] === '_') to -= 1;
  return plain.slice(from, to);
}

function operationDrafts(document: Mapping, source: ToolSource): readonly Draft[] {
  const drafts: Draft[] = [];
  for (const place of wantedOperations(source)) {
    const { method, path, id = '' } = place;
    const base = nameText(id) || nameText(`${method.toLowerCase()}_${nameText(path)}`);
    drafts.push({ base, key: `${method} ${path}`, make: (name) => operationTool(name, document, place, source.display_name) });
    if (drafts.length === MAX_TOOLS) break;
  }
  return drafts;
}

function operationTool(name: string, document: Mapping, place: OperationPlace, api: string | undefined): Tool {
  return {
    name,
    define() {
      const operation = operationOf(document, place);
      if (operation.isOutOfReach) return undefined;
      const { method, path, summary, description, body } = operation;
      const text = [summary, description].filter((part, index, all) => part !== undefined && all.indexOf(part) === index).join('\n\n');
      const { schema, weight } = inputSchema(document, namedParameters(operation), body);
      const definition = {
        name,
        ...(summary === undefined ? {} : { title: summary.slice(0, 200) }),
        description: (text === '' ? `${method} ${path}${api === undefined ? '' : ` of ${api}`}` : text).slice(0, MAX_DESCRIPTION),
        inputSchema: schema,
        annotations: annotationsOf(method, summary?.slice(0, 200)),
      };
      return { definition, weight };
    },
    request(given) {
      const operation = operationOf(document, place);
      return operation.isOutOfReach ? undefined : requestOf(operation, namedParameters(operation), given);
    },
  };
}

/** Arguments are named after their parameters; where two would have one name, the place tells them apart. */
function namedParameters({ parameters }: Operation): readonly NamedParameter[] {
  const taken = new Set<string>([BODY]);
  return parameters
    .filter(({ place, name }) => place !== 'header' || isSettable(name))
    .map((parameter) => {
      const plain = parameter.name.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 48) || parameter.place;
      const candidates = [plain, `${plain}_${parameter.place}`];
      const argument = candidates.find((each) => !taken.has(each)) ?? `${plain}_${taken.size}`;
      taken.add(argument);
      return { ...parameter, argument };
    });
}

function inputSchema(
  document: Mapping,
  parameters: readonly NamedParameter[],
  body: Operation['body'],
): { readonly schema: Mapping; readonly weight: number } {
  const schemas = new ArgumentSchemas(document);
  const described = (schema: unknown, description: string | undefined): unknown => {
    const converted = schemas.convert(schema);
    return description === undefined || !isMapping(converted) ? converted : { ...converted, description: description.slice(0, 1000) };
  };
  const properties = Object.fromEntries([
    ...parameters.map(({ argument, schema, description }) => [argument, described(schema, description)] as const),
    ...(body === undefined ? [] : [[BODY, described(body.schema, body.description)] as const]),
  ]);
  const required = [
    ...parameters.filter(({ isRequired }) => isRequired).map(({ argument }) => argument),
    ...(body?.isRequired === true ? [BODY] : []),
  ];
  const { definitions, weight } = schemas;
  const schema = {
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  };
  return { schema, weight };
}

/** What HTTP says of a method (RFC 9110, 9.2); whether a POST destroys something it does not say. */
function annotationsOf(method: string, title: string | undefined): Mapping {
  const named = title === undefined ? {} : { title };
  if (method === 'GET') return { ...named, readOnlyHint: true };
  const isIdempotent = method === 'PUT' || method === 'DELETE';
  return { ...named, readOnlyHint: false, ...(method === 'DELETE' ? { destructiveHint: true } : {}), idempotentHint: isIdempotent };
}

const OFFERED: ReadonlySet<string> = new Set(['DELETE', 'GET', 'PATCH', 'POST', 'PUT']);

/** Without a document all that is known is which methods the API takes. */
function methodDrafts(api: string, { methods, mcp, description, display_name }: ToolSource): readonly Draft[] {
  const about = [display_name, description].filter((part) => part !== undefined).join(': ');
  return methods
    .filter((method) => OFFERED.has(method) && mcp?.operations?.includes(`${method} /`) !== false)
    .map((method) => ({
      base: method.toLowerCase(),
      key: method,
      make: (name) => ({
        name,
        define: () => ({
          definition: {
            name,
            description: `Sends ${method} to a path of the API ${api}.${about === '' ? '' : ` ${about}`}`.slice(0, MAX_DESCRIPTION),
            inputSchema: methodSchema(method),
            annotations: annotationsOf(method, undefined),
          },
          weight: 0,
        }),
        request: (given) => methodRequest(method, given),
      }),
    }));
}

const hasBody = (method: string): boolean => method !== 'GET' && method !== 'DELETE';

const methodSchema = (method: string): Mapping => ({
  type: 'object',
  properties: {
    path: { type: 'string', description: 'Path below the address of the API, such as /17. Not percent-encoded.' },
    query: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean', 'array'] },
      description: 'Query parameters by name.',
    },
    ...(hasBody(method) ? { [BODY]: { description: 'Sent as JSON.' } } : {}),
  },
  additionalProperties: false,
});

/** The name of the argument says its place, so that nothing is taken for another part of the request. */
const queryParameter = (name: string): NamedParameter => ({
  ...{ name, place: 'query', isRequired: false, argument: `query.${name}` },
  ...{ description: undefined, schema: undefined, style: undefined, explode: undefined, isJson: false },
});

function methodRequest(method: string, given: Mapping): ToolRequest {
  const { path = '', query = {}, ...rest } = given;
  if (typeof path !== 'string') throw new ArgumentError('The argument "path" is a text.');
  if (!isMapping(query)) throw new ArgumentError('The argument "query" is a mapping.');
  const unknown = Object.keys(rest).find((name) => name !== BODY || !hasBody(method));
  if (unknown !== undefined)
    throw new ArgumentError(
      `There is no argument "${unknown.slice(0, 100)}". Arguments: path, query${hasBody(method) ? `, ${BODY}` : ''}.`,
    );
  const values = Object.entries(query).map(([name, value]) => [`query.${name}`, value] as const);
  const request = requestOf(plainOperation(method), Object.keys(query).map(queryParameter), { ...Object.fromEntries(values), ...rest });
  const whole = path === '' || path.startsWith('/') ? path : `/${path}`;
  return { ...request, path: checkedPath(whole.split('/').map(encoded).join('/')) };
}

const plainOperation = (method: string): Operation => ({
  ...{ method, path: '/', id: undefined, summary: undefined, description: undefined, parameters: [], isOutOfReach: false },
  body: hasBody(method) ? { mediaType: 'application/json', isRequired: false, description: undefined, schema: undefined } : undefined,
});
