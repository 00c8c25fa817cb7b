/** Plugins of Kong, one table: what each becomes, or why it becomes nothing. No value of a config is ever shown: it may be a secret. */
import { keyOf } from '../../../schema/resource.js';
import type { Plugin } from './kong-entities.js';
import type { Groups } from './kong-groups.js';
import { rateLimiting, rateLimitingAdvanced, type Made, type Scope, type Target } from './kong-rate-limits.js';
import type { Importer } from './report.js';
import { isMapping, numberOf, textOf, textsOf, type Foreign } from './source.js';

interface Known {
  /** Names of APIs by `service HANDLE` and `route HANDLE`. */
  readonly routed: ReadonlyMap<string, readonly string[]>;
  readonly consumers: ReadonlyMap<string, string>;
  readonly groups: Groups;
}

type Translate = (config: Foreign, importer: Importer, scope: Scope) => Made | string;

/** A text is the reason why a plugin becomes nothing. */
const TRANSLATIONS: Readonly<Record<string, Translate>> = {
  'rate-limiting': rateLimiting,
  'rate-limiting-advanced': rateLimitingAdvanced,
  cors,
  'ip-restriction': ipRestriction,
  'request-size-limiting': requestSize,
  'request-transformer': (config, _importer, scope) => transformer('request', config, pathOf(config, scope)),
  'response-transformer': (config) => transformer('response', config),
};

/** Plugins that nothing has to be made of. */
const NOT_NEEDED: Readonly<Record<string, string>> = {
  'correlation-id': 'Every request has an X-Request-Id without it.',
  prometheus: 'The gateway has /metrics without it.',
  'file-log': 'The gateway writes one JSON line a request on stdout.',
  'http-log': 'The gateway writes one JSON line a request on stdout.',
  'tcp-log': 'The gateway writes one JSON line a request on stdout.',
  'udp-log': 'The gateway writes one JSON line a request on stdout.',
  syslog: 'The gateway writes one JSON line a request on stdout.',
  loggly: 'The gateway writes one JSON line a request on stdout.',
  opentelemetry: 'The gateway sends a traceparent to every upstream; it exports no traces.',
  zipkin: 'The gateway sends a traceparent to every upstream; it exports no traces.',
};

/** They ask for credentials in a way that the gateway does not know: its key takes their place, so that nothing is opened by the import. */
const OTHER_AUTH = new Set([
  'acl',
  'jwt',
  'basic-auth',
  'hmac-auth',
  'oauth2',
  'oauth2-introspection',
  'openid-connect',
  'ldap-auth',
  'mtls-auth',
  'session',
]);

/** Imports one plugin, whatever it is. */
export function addPlugin(importer: Importer, plugin: Plugin, known: Known): void {
  const { item, value, name } = plugin;
  const scope = scopeOf(importer, plugin, known);
  const isGuard = name === 'key-auth' || OTHER_AUTH.has(name);
  const isEnabled = value['enabled'] !== false;
  if (scope === undefined) {
    importer.hasLostGuard ||= (isGuard || name === 'request-termination') && isEnabled;
    return void importer.say('skipped', item, value, 'What it governs was not imported.');
  }
  if (name === 'request-termination' && isEnabled) return void addTermination(importer, plugin, scope);
  if (isGuard) return void addAuth(importer, plugin, scope);
  const unneeded = Object.hasOwn(NOT_NEEDED, name) ? NOT_NEEDED[name] : undefined;
  if (unneeded !== undefined) return void importer.say('note', item, value, unneeded);
  const translate = Object.hasOwn(TRANSLATIONS, name) ? TRANSLATIONS[name] : undefined;
  if (translate === undefined) return void importer.say('skipped', item, value, 'The gateway has no such policy.');
  const made = translate(isMapping(value['config']) ? value['config'] : {}, importer, scope);
  if (typeof made === 'string') return void importer.say('skipped', item, value, made);
  addPolicy(importer, plugin, made, scope);
}

function addPolicy(importer: Importer, { item, value, name, group }: Plugin, { type, config, notes = [] }: Made, { targets }: Scope): void {
  const whose = group?.[0] ?? targets?.[0]?.name;
  const label = whose === undefined ? name : `${name}-${whose}`;
  const spec = {
    policy_type: type,
    config,
    ...(value['enabled'] === false ? { enabled: false } : {}),
    ...(targets === undefined ? {} : { targets }),
  };
  const policy = importer.add('Policy', importer.freeName('Policy', label), spec, item, value);
  if (policy === undefined) return;
  importer.say('mapped', item, value, `A policy of type ${type}.`, keyOf(policy));
  for (const note of notes) importer.say('note', item, value, note, keyOf(policy));
}

/** Undefined when what it names is not there. */
function scopeOf(importer: Importer, { service, route, consumer, group }: Plugin, { routed, consumers, groups }: Known): Scope | undefined {
  const apis = importer.resources.filter(({ kind }) => kind === 'API');
  const named = [
    ...(route ?? []).map((handle) => `route ${handle}`),
    ...(route === undefined ? (service ?? []).map((handle) => `service ${handle}`) : []),
  ];
  const isNarrow = service !== undefined || route !== undefined;
  const names = new Set(named.flatMap((handle) => routed.get(handle) ?? []));
  const governed = isNarrow ? apis.filter(({ name }) => names.has(name)) : apis;
  const handles = consumer ?? group?.flatMap((handle) => groups.get(handle) ?? []);
  const who = handles === undefined ? undefined : [...new Set(handles.flatMap((handle) => consumers.get(handle) ?? []))];
  if ((isNarrow && governed.length === 0) || who?.length === 0) return undefined;
  if (!isNarrow) return { apis: governed, targets: who?.map((name) => ({ kind: 'Consumer', name })) };
  const targets = governed.flatMap(({ name }): Target[] =>
    who === undefined ? [{ kind: 'API', name }] : who.map((one) => ({ kind: 'API', name, consumer: one })),
  );
  return { apis: governed, targets };
}

function addAuth(importer: Importer, { item, value, name }: Plugin, { apis }: Scope): void {
  if (value['enabled'] === false) return void importer.say('skipped', item, value, 'It is disabled.');
  for (const api of apis) importer.guarded.add(api.name);
  const what =
    name === 'key-auth'
      ? 'Callers need a key of the gateway, in X-API-Key.'
      : `The gateway does not know ${name}: callers need a key of the gateway in X-API-Key instead.`;
  importer.say(name === 'key-auth' ? 'mapped' : 'note', item, value, what);
}

/** What Kong answers by itself is not served here. */
function addTermination(importer: Importer, { item, value }: Plugin, { apis }: Scope): void {
  for (const api of apis) importer.put({ ...api, spec: { ...api.spec, activated: false } });
  importer.say('note', item, value, 'The API is not activated: the gateway answers 503 in the place of what Kong would say.');
}

function cors(config: Foreign): Made | string {
  const given = config['origins'] === undefined || config['origins'] === null ? ['*'] : textsOf(config['origins']);
  const origins = given.filter((origin) => !/[\\()|^$]|\.\*/.test(origin));
  const notes =
    origins.length === given.length ? [] : ['Origins that are patterns are not imported: write them out, or as https://*.example.com.'];
  if (origins.length === 0) return 'All of its origins are patterns: write them out, or as https://*.example.com.';
  const wantsCredentials = config['credentials'] === true;
  const hasCredentials = wantsCredentials && !origins.includes('*');
  if (wantsCredentials && !hasCredentials) notes.push('Credentials do not go with the origin "*": name the origins to allow them.');
  const methods = textsOf(config['methods']);
  return {
    type: 'cors',
    config: {
      origins,
      methods: methods.length > 0 ? methods : ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS'],
      ...(textsOf(config['headers']).length === 0 ? {} : { headers: textsOf(config['headers']) }),
      ...(textsOf(config['exposed_headers']).length === 0 ? {} : { expose_headers: textsOf(config['exposed_headers']) }),
      ...(numberOf(config['max_age']) === undefined
        ? {}
        : { max_age: Math.min(86_400, Math.max(0, Math.round(numberOf(config['max_age']) ?? 0))) }),
      ...(hasCredentials ? { allow_credentials: true } : {}),
    },
    notes,
  };
}

function ipRestriction(config: Foreign): Made | string {
  const allow = textsOf(config['allow'] ?? config['whitelist']);
  const deny = textsOf(config['deny'] ?? config['blacklist']);
  if (allow.length + deny.length === 0) return 'It names no address.';
  return { type: 'ip_filter', config: { ...(allow.length === 0 ? {} : { allow }), ...(deny.length === 0 ? {} : { deny }) } };
}

const UNITS: Readonly<Record<string, number>> = { megabytes: 1_048_576, kilobytes: 1024, bytes: 1 };

function requestSize(config: Foreign): Made | string {
  const size = numberOf(config['allowed_payload_size']) ?? 128;
  const unit = UNITS[textOf(config['size_unit']) ?? 'megabytes'];
  if (unit === undefined) return 'Its unit is not known.';
  return { type: 'request_size', config: { max_bytes: Math.round(size * unit) } };
}

/** `name:value` pairs; those without a value, or with a template, are left out. */
function pairsOf(list: unknown): { readonly pairs: Record<string, string>; readonly left: number } {
  const texts = textsOf(list);
  const pairs = texts.flatMap((text) => {
    const [, name = '', value = ''] = /^([^:]+):\s*(.+)$/.exec(text) ?? [];
    return name === '' || value.includes('$(') ? [] : [[name.trim(), value.trim()] as const];
  });
  return { pairs: Object.fromEntries(pairs), left: texts.length - pairs.length };
}

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;
const SEGMENTS = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;

const isBare = (url = ''): boolean => URL.canParse(url) && new URL(url).pathname === '/';

/** A fixed path in the place of what is sent; undefined where there is none, and where something else would come before it. */
function pathOf({ replace }: Foreign, { apis }: Scope): string | undefined {
  const uri = isMapping(replace) ? textOf(replace['uri']) : undefined;
  const isAlone = apis.every(({ spec }) => isBare(textOf(spec['upstream_url'])));
  return uri !== undefined && SEGMENTS.test(uri) && isAlone ? uri : undefined;
}

function transformer(side: 'request' | 'response', config: Foreign, path?: string): Made | string {
  const headersOf = (verb: string): unknown => (isMapping(config[verb]) ? config[verb]['headers'] : undefined);
  const remove = textsOf(headersOf('remove'));
  const rename = pairsOf(headersOf('rename'));
  const parts = ['replace', 'add', 'append'].map((verb) => pairsOf(headersOf(verb)));
  const set: Record<string, string> = Object.assign({}, ...parts.reverse().map(({ pairs }) => pairs)) as Record<string, string>;
  const isEmpty = remove.length === 0 && Object.keys(rename.pairs).length === 0 && Object.keys(set).length === 0;
  if (isEmpty && path === undefined) return 'It changes no headers: bodies, query, method and uri are not transformed.';
  const others = ['body', 'querystring', 'json', 'uri'].filter((part) =>
    Object.values(config).some(
      (verb) => isMapping(verb) && (part === 'uri' ? path === undefined && textOf(verb[part]) !== undefined : isFilled(verb[part])),
    ),
  );
  const left = rename.left + parts.reduce((sum, part) => sum + part.left, 0);
  const notes = [
    ...(others.length === 0 ? [] : [`Only headers are transformed; ${others.join(', ')} are not.`]),
    ...(path === undefined ? [] : ['What a request has behind the path of the API follows the new path.']),
    ...(left === 0 ? [] : [`${left} headers with templates or without a value are not imported.`]),
    ...(Object.keys(set).length === 0 ? [] : ['A header that is added takes the place of one that is there.']),
  ];
  const headers = {
    ...(remove.length === 0 ? {} : { remove }),
    ...(Object.keys(rename.pairs).length === 0 ? {} : { rename: rename.pairs }),
    ...(Object.keys(set).length === 0 ? {} : { set }),
  };
  const changes = { ...(isEmpty ? {} : { headers }), ...(path === undefined ? {} : { path: { add_prefix: path } }) };
  return { type: 'transform', config: { [side]: changes }, notes };
}
