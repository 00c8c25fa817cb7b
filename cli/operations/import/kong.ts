/** Declarative configuration of Kong (`_format_version` 1.1, 2.1, 3.0): routes to APIs, plugins to policies, consumers to consumers. */
import { StoaError } from '../../../schema/error.js';
import { HTTP_METHODS } from '../../../schema/kinds/api.js';
import { keyOf, type Resource } from '../../../schema/resource.js';
import { addConsumer } from './kong-consumers.js';
import { addGroups, groupsOf } from './kong-groups.js';
import { sayUpstreams, serverFields, serversOf, type Servers } from './kong-upstreams.js';
import { entitiesOf, handlesOf, pluginsOf, referenceOf, type Entity, type Plugin } from './kong-entities.js';
import { addPlugin } from './kong-plugins.js';
import { Importer, type ImportResult } from './report.js';
import { isMapping, mappingsOf, numberOf, textOf, textsOf, type Foreign, type ForeignDocument } from './source.js';

const VERSIONS = /^(1\.1|2\.1|3\.0)$/;
/** What says nothing of traffic. */
const ABOUT = new Set(['_format_version', '_transform', '_info', '_workspace', '_konnect', '_comment', '_ignore', '_plugin_configs']);
const ENTITIES = ['services', 'routes', 'plugins', 'consumers', 'consumer_groups', 'upstreams', 'targets'];
const READ = new Set([...ABOUT, ...ENTITIES]);
const METHODS: ReadonlySet<string> = new Set(HTTP_METHODS);
/** Fields of a route by which Kong chooses; the gateway chooses by path and method alone. */
const CHOOSERS = ['hosts', 'headers', 'snis', 'sources', 'destinations', 'expression'];

/** Throws `validation_error` for a document that is no declarative configuration of a known version. */
export function importKong(document: ForeignDocument, { file, tenant }: { readonly file: string; readonly tenant: string }): ImportResult {
  const { root } = document;
  const version = requireVersion(root, file);
  const importer = new Importer(tenant, document);
  if (version === undefined)
    importer.say('note', '_format_version', undefined, 'It is missing; what is imported is the same in 1.1, 2.1 and 3.0.');
  const groups = groupsOf(root);
  const plugins: Plugin[] = pluginsOf(root, 'plugins', {});
  const routed = new Map<string, string[]>();
  for (const service of entitiesOf(root, 'services')) addService(importer, root, service, { plugins, routed });
  for (const route of entitiesOf(root, 'routes').filter(({ value }) => refersToNone(root, value)))
    importer.say('skipped', route.item, route.value, 'It names no service that is in the document: there is nothing to forward to.');
  const consumers = new Map<string, string>();
  for (const consumer of entitiesOf(root, 'consumers')) addConsumer(importer, consumer, { plugins, consumers });
  plugins.push(...addGroups(importer, root, groups));
  for (const plugin of plugins) addPlugin(importer, plugin, { routed, consumers, groups });
  openWithoutKey(importer);
  sayUpstreams(importer, root);
  for (const [part, value] of Object.entries(root)) {
    if (!READ.has(part)) importer.say('skipped', part, value, 'The gateway has no counterpart.');
    else if (!ABOUT.has(part)) sayUnreadable(importer, part, value);
  }
  return importer.result(file, version === undefined ? 'Kong' : `Kong ${version}`);
}

/** What stands where entities should be. */
function sayUnreadable(importer: Importer, part: string, value: unknown): void {
  if (value === null) return;
  if (!Array.isArray(value)) importer.say('skipped', part, value, 'It is no list: nothing can be read from it.');
  else
    for (const [index, each] of value.entries())
      if (!isMapping(each)) importer.say('skipped', `${part}[${index}]`, each, 'It has no fields: nothing can be read from it.');
}

/** The version that the document names; undefined where it names none and has entities of Kong all the same, as decK takes it. */
function requireVersion(root: Foreign, file: string): string | undefined {
  const given = root['_format_version'];
  const version = typeof given === 'number' ? given.toFixed(1) : textOf(given);
  if (version !== undefined && VERSIONS.test(version)) return version;
  const isForeign = 'openapi' in root || 'swagger' in root || 'apiVersion' in root;
  if (given === undefined && !isForeign && ENTITIES.some((part) => mappingsOf(root[part]).length > 0)) return undefined;
  const message =
    version === undefined
      ? 'The document is no declarative configuration of Kong: "_format_version" is missing.'
      : `_format_version "${version.slice(0, 20)}" is not known; 1.1, 2.1 and 3.0 can be imported.`;
  const source = { file, line: 1, column: 1 };
  const hint = hintFor(root);
  throw new StoaError('validation_error', `${file} cannot be imported.`, {
    diagnostics: [
      { severity: 'error', code: 'unusable_document', message, path: '_format_version', source, ...(hint === undefined ? {} : { hint }) },
    ],
  });
}

/** What to do with a document that is something else. */
function hintFor(root: Foreign): string | undefined {
  if ('openapi' in root || 'swagger' in root) return 'It is an OpenAPI document: stoactl import openapi FILE.';
  return textOf(root['apiVersion']) === undefined || textOf(root['kind']) === undefined
    ? undefined
    : 'It is a manifest of Kubernetes. Ask Kong itself for its configuration: deck gateway dump -o kong.yaml.';
}

function refersToNone(root: Foreign, { service }: Foreign): boolean {
  const wanted = referenceOf(service);
  return !mappingsOf(root['services']).some((candidate) => handlesOf(candidate).some((handle) => wanted.includes(handle)));
}

interface ServiceNotes {
  readonly plugins: Plugin[];
  /** Names of the APIs that were made, by each handle of their service and route. */
  readonly routed: Map<string, string[]>;
}

function addService(importer: Importer, root: Foreign, { item, value }: Entity, notes: ServiceNotes): void {
  const handles = handlesOf(value);
  const routes = [
    ...entitiesOf(value, 'routes', `${item}.`),
    ...entitiesOf(root, 'routes').filter((route) => referenceOf(route.value['service']).some((handle) => handles.includes(handle))),
  ];
  notes.plugins.push(...pluginsOf(value, `${item}.plugins`, { service: handles }));
  const servers = serversOf(importer, root, { item, value });
  if (servers === undefined) {
    for (const route of routes) importer.say('skipped', route.item, route.value, 'Its service cannot be forwarded to.');
    return;
  }
  if (routes.length === 0) importer.say('skipped', item, value, 'It has no routes: nobody could call it.');
  let made = 0;
  for (const route of routes) {
    notes.plugins.push(...pluginsOf(route.value, `${route.item}.plugins`, { route: handlesOf(route.value) }));
    made += addRoute(importer, { item, value }, route, servers, notes.routed);
  }
  if (made > 0) importer.say('mapped', item, value, `Forwarded to ${servers.urls.map(({ url }) => url).join(', ')}.`);
}

/** One API for each path of a route. Returns how many were made. */
function addRoute(importer: Importer, service: Entity, { item, value }: Entity, servers: Servers, routed: Map<string, string[]>): number {
  const paths = textsOf(value['paths']);
  if (paths.length === 0) {
    importer.say('skipped', item, value, 'It has no path: the gateway routes by path.');
    return 0;
  }
  const ignored = CHOOSERS.filter((field) => value[field] !== undefined && value[field] !== null);
  let made = 0;
  for (const [index, path] of paths.entries()) {
    const where = paths.length === 1 ? item : `${item}.paths[${index}]`;
    const api = addPath(importer, service, { item: where, value }, { path, servers, isFirst: index === 0 });
    if (api === undefined) continue;
    made += 1;
    for (const handle of handlesOf(service.value)) note(routed, `service ${handle}`, api.name);
    for (const handle of handlesOf(value)) note(routed, `route ${handle}`, api.name);
    if (ignored.length > 0)
      importer.say('note', where, value, `It is chosen by path and method alone; ${ignored.join(', ')} do not count.`, keyOf(api));
  }
  return made;
}

const note = (map: Map<string, string[]>, key: string, name: string): unknown => map.set(key, [...(map.get(key) ?? []), name]);

interface PathOptions {
  readonly path: string;
  readonly servers: Servers;
  readonly isFirst: boolean;
}

function addPath(
  importer: Importer,
  service: Entity,
  { item, value }: Entity,
  { path, servers, isFirst }: PathOptions,
): Resource | undefined {
  if (path.startsWith('~') || /[()[\]\\|*+?^$]/.test(path)) {
    importer.say('skipped', item, value, `"${path}" is a pattern: the gateway matches prefixes of whole segments.`);
    return undefined;
  }
  const prefix = path === '/' ? '/' : path.replace(/\/+$/, '');
  const taken = importer.resources.find((resource) => resource.kind === 'API' && resource.spec['path'] === prefix);
  if (taken !== undefined) {
    importer.say('skipped', item, value, `"${prefix}" is taken by ${keyOf(taken)}: of routes with one path the first is imported.`);
    return undefined;
  }
  const base = textOf(value['name']) ?? textOf(service.value['name']);
  const name = importer.freeName('API', isFirst ? base : `${base ?? ''}${prefix}`, prefix, 'api');
  const api = importer.add(
    'API',
    name,
    { ...specOf(service.value, value), path: prefix, ...serverFields(servers, keptOf(prefix, value)) },
    item,
    value,
  );
  if (api !== undefined) importer.say('mapped', item, value, `Served at ${prefix}.`, keyOf(api));
  return api;
}

/** What was matched is cut off before it is forwarded; a route that keeps it has it in its upstream. */
const keptOf = (prefix: string, { strip_path }: Foreign): string => (strip_path === false && prefix !== '/' ? prefix : '');

function specOf(service: Foreign, route: Foreign) {
  const methods = textsOf(route['methods'])
    .map((method) => method.toUpperCase())
    .filter((method) => METHODS.has(method));
  const bounded = (value: unknown, most: number): number | undefined => {
    const number = numberOf(value);
    return number === undefined ? undefined : Math.min(most, Math.max(0, Math.round(number)));
  };
  return {
    ...(methods.length === 0 ? {} : { methods }),
    ...(service['enabled'] === false ? { activated: false } : {}),
    connect_timeout_ms: bounded(service['connect_timeout'], 120_000),
    timeout_ms: bounded(service['read_timeout'], 3_600_000),
    retries: bounded(service['retries'], 10),
  };
}

/** Without a plugin that asks for credentials Kong lets everybody in. */
function openWithoutKey(importer: Importer): void {
  for (const api of importer.resources.filter(({ kind, name }) => kind === 'API' && !importer.guarded.has(name))) {
    if (importer.hasLostGuard) {
      const kept =
        'A plugin guards routes that were not imported; this API may take their requests, so it asks for a key. Set auth_required: false to open it.';
      importer.say('note', keyOf(api), undefined, kept, keyOf(api));
      continue;
    }
    importer.put({ ...api, spec: { ...api.spec, auth_required: false } });
    const message = 'No plugin asks for credentials: it is open to everybody. Set auth_required: true to ask for a key.';
    importer.say('note', keyOf(api), undefined, message, keyOf(api));
  }
}
