/** Where the operations of an OpenAPI document stand, and which of them MCP clients are offered. Nothing outside of the document is ever looked at. */
export type Mapping = Readonly<Record<string, unknown>>;

/** An operation where it stands. */
export interface OperationPlace {
  readonly method: string;
  /** As in the document: `/payments/{id}`. */
  readonly path: string;
  readonly id: string | undefined;
  /** The item of its path, and what that refers to. */
  readonly item: Resolved;
  readonly operation: Mapping;
}

/** More tools than a model can choose among; the gateway holds a name for each. */
export const MAX_TOOLS = 500;

/** Documents are other people's: what is read of one is bounded. */
const MAX_REFERENCES = 20;
const MAX_REFERENCE = 500;
const MAX_PATH = 2000;

export const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);
/** What models read of a text; the rest is not looked at, however long it is. */
const MAX_TEXT = 4096;
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.slice(0, MAX_TEXT).trim() || undefined : undefined;
export const own = (mapping: unknown, name: string): unknown =>
  isMapping(mapping) && Object.hasOwn(mapping, name) ? mapping[name] : undefined;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** More than a document of half a megabyte has whose operations say anything; what comes after them is not looked at. */
const MAX_OPERATIONS = 5000;

/** The operations that a document has, in its order: the first 5000. Nothing but their places is read. */
function* operationsOf(document: Mapping): Generator<OperationPlace> {
  const paths = own(document, 'paths');
  if (!isMapping(paths)) return;
  let left = MAX_OPERATIONS;
  for (const path in paths) {
    const item = isPath(path) ? resolved(document, paths[path]) : [];
    for (const method of METHODS) {
      const operation = field(item, method);
      if (!isMapping(operation)) continue;
      const id = textOf(own(operation, 'operationId'));
      yield { method: method.toUpperCase(), path, id, item, operation };
      left -= 1;
      if (left === 0) return;
    }
  }
}

const isPath = (path: string): boolean => path.startsWith('/') && path.length <= MAX_PATH && !/\p{Surrogate}/u.test(path);

/** What of an API says which tools it has. */
export interface ToolFields {
  readonly openapi?: Mapping | undefined;
  readonly methods: readonly string[];
  readonly mcp?: { readonly enabled: boolean; readonly operations?: readonly string[] | undefined } | undefined;
}

/** The operations that MCP clients are offered of an API with a document, in its order; `MAX_TOOLS` of them become tools. */
export function* wantedOperations({ openapi, methods, mcp }: ToolFields): Generator<OperationPlace> {
  if (openapi === undefined || mcp?.enabled === false) return;
  const wanted = mcp?.operations === undefined ? undefined : new Set(mcp.operations);
  const taken = new Set<string>(methods);
  for (const place of operationsOf(openapi)) {
    const { method, path, id } = place;
    if (!taken.has(method)) continue;
    if (wanted === undefined || wanted.has(`${method} ${path}`) || (id !== undefined && wanted.has(id))) yield place;
  }
}

/** What is wrong with the tools of an API; undefined when nothing is. */
export function toolsProblem(fields: ToolFields): string | undefined {
  const wanted = [...wantedOperations(fields)].length;
  if (wanted <= MAX_TOOLS) return undefined;
  return `MCP clients find ${MAX_TOOLS} of its ${wanted} operations: name those that they need in spec.mcp.operations.`;
}

/** A mapping, then what it refers to inside of the document, one after the other. Empty where that leads nowhere. */
export type Resolved = readonly Mapping[];

export function resolved(document: Mapping, value: unknown): Resolved {
  const found: Mapping[] = [];
  for (let at = value; found.length <= MAX_REFERENCES;) {
    if (!isMapping(at)) return [];
    found.push(at);
    const { $ref } = at;
    if (typeof $ref !== 'string') return found;
    at = targetOf(document, $ref);
  }
  return [];
}

/** Fields of a mapping itself go before those of what it refers to. */
export const field = (chain: Resolved, name: string): unknown => {
  const holder = chain.find((each) => Object.hasOwn(each, name));
  return holder?.[name];
};

/** What a reference inside of the document (RFC 6901) leads to. */
export function targetOf(document: Mapping, reference: string): unknown {
  if (!reference.startsWith('#/') || reference.length > MAX_REFERENCE) return undefined;
  return reference
    .slice(2)
    .split('/')
    .map((part) => part.replace(/%7B/gi, '{').replace(/%7D/gi, '}').replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((holder, key) => (Array.isArray(holder) ? (holder as unknown[])[Number(key)] : own(holder, key)), document);
}
