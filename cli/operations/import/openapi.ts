/** OpenAPI 3.0 and 3.1 to one API: the gateway publishes a prefix, the operations behind it stay the upstream's. */
import { StoaError } from '../../../schema/error.js';
import { HTTP_METHODS } from '../../../schema/kinds/api.js';
import { keyOf } from '../../../schema/resource.js';
import { Importer, type ImportResult } from './report.js';
import { isMapping, mappingsOf, textOf, type Foreign, type ForeignDocument } from './source.js';

export interface OpenApiOptions {
  readonly file: string;
  readonly tenant: string;
  /** Name of the API; made of the title when absent. */
  readonly name?: string | undefined;
  /** Public path; the name when absent. */
  readonly path?: string | undefined;
  /** Takes the place of the servers of the document. */
  readonly upstream?: string | undefined;
  /** Whether the API carries the document. */
  readonly isAttached?: boolean | undefined;
}

const OPERATIONS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'] as const;
const METHODS: ReadonlySet<string> = new Set(HTTP_METHODS);
/** Parts of a document that the gateway has no use for. */
const UNUSED: Readonly<Record<string, string>> = {
  components: 'Schemas, parameters and examples stay in the document: the gateway does not look into bodies.',
  tags: 'Tags order documentation; the gateway has none.',
  externalDocs: 'Links to documentation are not kept.',
  jsonSchemaDialect: 'The gateway does not look into bodies.',
};
const READ = new Set(['openapi', 'info', 'servers', 'paths', 'security', 'webhooks', ...Object.keys(UNUSED)]);

/** Throws `validation_error` for a document that makes no API: another format, without paths, without a server. */
export function importOpenApi(document: ForeignDocument, options: OpenApiOptions): ImportResult {
  const { root } = document;
  requireVersion(root, options.file);
  const importer = new Importer(options.tenant, document);
  const operations = operationsOf(root, importer);
  const info = isMapping(root['info']) ? root['info'] : {};
  const name = importer.freeName('API', options.name, textOf(info['title']), baseName(options.file), 'api');
  const key = keyOf({ kind: 'API', tenant: options.tenant, name });
  if (operations.length === 0) throw withoutOperations(root, options.file);
  const upstream = options.upstream ?? serverOf(root, importer, options.file);
  const spec = {
    display_name: textOf(info['title'])?.slice(0, 200),
    description: (textOf(info['description']) ?? textOf(info['summary']))?.slice(0, 10_000),
    path: options.path ?? `/${name}`,
    upstream_url: upstream,
    methods: methodsOf(operations),
    ...(options.isAttached === true ? { openapi: root } : {}),
  };
  const made = importer.add('API', name, spec, 'info', root['info']);
  if (made === undefined) throw unusable(options.file, importer.items.at(-1)?.message ?? '');
  importer.say('mapped', 'info', root['info'], 'Title and description.', key);
  for (const { item, value, method } of operations) {
    if (METHODS.has(method)) importer.say('mapped', item, value, `Served below ${spec.path}.`, key);
    else importer.say('skipped', item, value, `The gateway forwards no ${method}.`);
  }
  saySecurity(root, importer, key);
  sayRest(root, importer);
  return importer.result(options.file, `OpenAPI ${String(root['openapi'])}`);
}

function requireVersion(root: Foreign, file: string): void {
  if (typeof root['swagger'] === 'string' || typeof root['swagger'] === 'number') {
    throw unusable(
      file,
      'This is Swagger 2.0; OpenAPI 3.0 and 3.1 can be imported.',
      'Convert it first: npx swagger2openapi --yaml spec.yaml > openapi.yaml.',
    );
  }
  const given = root['openapi'];
  const version = typeof given === 'string' || typeof given === 'number' ? String(given) : '';
  if (/^3\.\d+(\.|$)/.test(version)) return;
  if (given === 3) throw unusable(file, 'The field "openapi" is the number 3.', 'Write the version in quotes: openapi: "3.0.3".');
  throw unusable(
    file,
    version === ''
      ? 'The document is no OpenAPI: the field "openapi" is missing.'
      : `OpenAPI ${version.slice(0, 20)} is not known; 3.0 and 3.1 can be imported.`,
  );
}

function unusable(file: string, message: string, hint?: string): StoaError {
  const source = { file, line: 1, column: 1 };
  const finding = { severity: 'error', code: 'unusable_document', message, path: '', source } as const;
  return new StoaError('validation_error', `${file} cannot be imported.`, {
    diagnostics: [hint === undefined ? finding : { ...finding, hint }],
  });
}

const BUNDLE = 'Make one document of all files first: npx @redocly/cli bundle openapi.yaml -o bundled.yaml.';
const isElsewhere = (pathItem: unknown): boolean =>
  isMapping(pathItem) && typeof pathItem['$ref'] === 'string' && !pathItem['$ref'].startsWith('#');

function withoutOperations({ paths }: Foreign, file: string): StoaError {
  const elsewhere = isMapping(paths) ? Object.values(paths).filter(isElsewhere).length : 0;
  if (elsewhere === 0) return unusable(file, 'The document has no operations: there is nothing to publish.');
  return unusable(file, `The document has no operations of its own: ${elsewhere} of its paths refer to other files.`, BUNDLE);
}

interface Operation {
  readonly item: string;
  readonly value: Foreign;
  readonly method: string;
}

function operationsOf(root: Foreign, importer: Importer): Operation[] {
  const { paths } = root;
  if (!isMapping(paths)) return [];
  const found: Operation[] = [];
  for (const [path, value] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue;
    if (!isMapping(value)) {
      importer.say('skipped', `paths.${path}`, paths, 'It holds no operations.');
      continue;
    }
    const whole = resolved(root, value);
    const own = OPERATIONS.filter((method) => isMapping(whole[method]));
    if (own.length === 0)
      importer.say('skipped', `paths.${path}`, value, isElsewhere(value) ? `It is in another file. ${BUNDLE}` : 'It holds no operations.');
    for (const method of own)
      found.push({ item: `paths.${path}.${method}`, value: whole[method] as Foreign, method: method.toUpperCase() });
  }
  return found;
}

/** A path item with what it refers to inside of the document (OpenAPI 3.1, 4.8.9); fields of its own win. */
function resolved(root: Foreign, value: Foreign): Foreign {
  const seen = new Set<Foreign>();
  let whole = value;
  for (let at: Foreign | undefined = value; at !== undefined && !seen.has(at);) {
    seen.add(at);
    at = targetOf(root, at['$ref']);
    whole = { ...at, ...whole };
  }
  return whole;
}

/** What a reference inside of the document (RFC 6901) leads to. */
function targetOf(root: Foreign, reference: unknown): Foreign | undefined {
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined;
  const found = reference
    .slice(2)
    .split('/')
    .map((part) => part.replaceAll('%7B', '{').replaceAll('%7D', '}').replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((holder, key) => (isMapping(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined), root);
  return isMapping(found) ? found : undefined;
}

/** Whoever may GET may HEAD (RFC 9110, 9.3.2). */
function methodsOf(operations: readonly Operation[]): string[] {
  const used = new Set(operations.map(({ method }) => method).filter((method) => METHODS.has(method)));
  if (used.has('GET')) used.add('HEAD');
  return [...used].sort();
}

interface Server {
  readonly item: string;
  readonly value: Foreign;
}

/** The servers of the document, else those of its paths and operations. */
function serversOf(root: Foreign): Server[] {
  const own = listOf(root, 'servers');
  if (own.length > 0 || !isMapping(root['paths'])) return own;
  return Object.entries(root['paths']).flatMap(([path, value]) => {
    if (!isMapping(value)) return [];
    const inner = OPERATIONS.flatMap((method) =>
      isMapping(value[method]) ? listOf(value[method], `paths.${path}.${method}.servers`) : [],
    );
    return [...listOf(value, `paths.${path}.servers`), ...inner];
  });
}

const listOf = (holder: Foreign, item: string): Server[] =>
  mappingsOf(holder['servers']).map((value, index) => ({ item: `${item}[${index}]`, value }));

/** The first server that is an address; every other one is told of. */
function serverOf(root: Foreign, importer: Importer, file: string): string {
  let chosen: string | undefined;
  for (const { item, value } of serversOf(root)) {
    const url = withDefaults(textOf(value['url']) ?? '', value['variables']);
    const problem = addressProblem(url);
    if (problem !== undefined) importer.say('skipped', item, value, problem);
    else if (chosen === undefined || chosen === url) {
      if (chosen === undefined) importer.say('mapped', item, value, 'The upstream.');
      chosen = url;
    } else
      importer.say(
        'skipped',
        item,
        value,
        `An API has one upstream; ${chosen} is taken. Import again with --upstream and --name for this one.`,
      );
  }
  if (chosen !== undefined) return chosen;
  throw unusable(
    file,
    'The document names no server that is an http or https address.',
    'Say where the API is: --upstream https://api.example.com.',
  );
}

/** Variables are filled in with their defaults (OpenAPI 3.1, 4.8.6). */
function withDefaults(url: string, variables: unknown): string {
  const known = isMapping(variables) ? variables : {};
  return url
    .replace(/\{([^{}]*)\}/g, (whole, name: string) => {
      const variable = Object.hasOwn(known, name) ? known[name] : undefined;
      const value = isMapping(variable) ? variable['default'] : undefined;
      return typeof value === 'string' || typeof value === 'number' ? String(value) : whole;
    })
    .replace(/\/+$/, '');
}

function addressProblem(url: string): string | undefined {
  if (url === '' || url.startsWith('/') || url.startsWith('.')) return 'It is relative: what it is relative to is not in the document.';
  if (/[{}]/.test(url)) return 'It has a variable without a default.';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return 'It is no http or https address.';
  return undefined;
}

function saySecurity(root: Foreign, importer: Importer, key: string): void {
  const components = isMapping(root['components']) ? root['components'] : {};
  const schemes = isMapping(components['securitySchemes']) ? Object.entries(components['securitySchemes']) : [];
  for (const [name, scheme] of schemes) importer.say('note', `components.securitySchemes.${name}`, scheme, schemeText(scheme), key);
  if (schemes.length === 0)
    importer.say(
      'note',
      'components.securitySchemes',
      root,
      'The document asks for no credentials; the gateway asks for a key. Set auth_required: false to open the API.',
      key,
    );
}

function schemeText(scheme: unknown): string {
  if (!isMapping(scheme)) return 'It is not described; callers need a key of the gateway.';
  const { type, in: place, name } = scheme;
  if (type === 'apiKey' && place === 'header' && String(name).toLowerCase() === 'x-api-key')
    return 'X-API-Key is the key of the gateway: it is checked there and not forwarded.';
  if (type === 'mutualTLS') return 'Client certificates end at the gateway; callers need a key of the gateway.';
  return 'Callers need a key of the gateway in X-API-Key; these credentials pass through to the upstream, which checks them.';
}

function sayRest(root: Foreign, importer: Importer): void {
  const webhooks = isMapping(root['webhooks']) ? Object.entries(root['webhooks']) : [];
  for (const [name, webhook] of webhooks)
    importer.say('skipped', `webhooks.${name}`, webhook, 'It is a call that the API makes, not one that it takes.');
  for (const [part, why] of Object.entries(UNUSED)) if (root[part] !== undefined) importer.say('skipped', part, root[part], why);
  if (root['security'] !== undefined)
    importer.say('note', 'security', root['security'], 'Which operation needs which credentials stays with the upstream.');
  for (const part of Object.keys(root))
    if (!READ.has(part)) importer.say('skipped', part, root[part], 'It is no part of OpenAPI that the gateway knows.');
}

const baseName = (file: string): string => file.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
