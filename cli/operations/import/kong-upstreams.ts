/** Where a service of Kong is: one address, or the targets of an upstream with their weights and the check of their health. */
import type { Importer } from './report.js';
import { entitiesOf, referenceOf, type Entity } from './kong-entities.js';
import { isMapping, mappingsOf, numberOf, textOf, type Foreign } from './source.js';

interface Server {
  readonly url: string;
  readonly weight: number;
}

/** The fields of an API that say where it is. */
export interface Servers {
  readonly urls: readonly Server[];
  readonly healthCheck?: object | undefined;
}

const MAX_SERVERS = 50;
const MAX_WEIGHT = 1000;
/** Of Kong. */
const [DEFAULT_WEIGHT, DEFAULT_PORT] = [100, 8000];

/** Undefined, with an item that says why, for what is no HTTP. */
export function serversOf(importer: Importer, root: Foreign, { item, value }: Entity): Servers | undefined {
  const url = textOf(value['url']) ?? urlOf(value);
  if (/[{}]/.test(url) || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    importer.say('skipped', item, value, 'It is no http or https service; the gateway forwards nothing else.');
    return undefined;
  }
  const parsed = new URL(url);
  const balanced = upstreamNamed(root, parsed.hostname);
  if (balanced === undefined) return { urls: [{ url: withoutSlash(url), weight: 1 }] };
  const targets = targetsOf(root, balanced);
  if (targets.length === 0) {
    importer.say('skipped', item, value, `Its upstream "${parsed.hostname}" has no targets.`);
    return undefined;
  }
  if (targets.length > MAX_SERVERS)
    importer.say('note', item, value, `An API has at most ${MAX_SERVERS} servers: of ${targets.length} targets the heaviest are taken.`);
  const urls = evened(targets.slice(0, MAX_SERVERS)).map(({ url: host, weight }) => ({
    url: withoutSlash(`${parsed.protocol}//${host}${parsed.pathname}`),
    weight,
  }));
  return { urls, healthCheck: healthCheckOf(balanced) };
}

/** The fields, with what is behind the path of each server. */
export function serverFields({ urls, healthCheck }: Servers, suffix: string): object {
  const servers = urls.map(({ url, weight }) => ({ url: `${url}${suffix}`, weight }));
  return {
    upstream_url: servers[0]?.url,
    ...(servers.length > 1 ? { upstreams: servers } : {}),
    ...(healthCheck === undefined ? {} : { health_check: healthCheck }),
  };
}

/** Says what became of each upstream and of each target that stands by itself. */
export function sayUpstreams(importer: Importer, root: Foreign): void {
  const used = new Set(entitiesOf(root, 'services').map(({ value }) => hostOf(textOf(value['url']) ?? urlOf(value))));
  for (const { item, value } of entitiesOf(root, 'upstreams')) {
    if (!used.has(nameOf(value))) {
      importer.say('skipped', item, value, 'No service uses it.');
      continue;
    }
    importer.say('mapped', item, value, 'Its targets are the servers of the APIs that use it.');
    for (const note of notesOf(value)) importer.say('note', item, value, note);
  }
  for (const { item, value } of entitiesOf(root, 'targets')) {
    const isKnown = mappingsOf(root['upstreams']).some((upstream) => isTargetOf(value, upstream));
    if (isKnown) importer.say('mapped', item, value, 'A server of the APIs that use its upstream.');
    else importer.say('skipped', item, value, 'It names no upstream that is in the document.');
  }
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');
const nameOf = ({ name }: Foreign): string => (textOf(name) ?? '').toLowerCase();
const hostOf = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).hostname : undefined);
const upstreamNamed = (root: Foreign, host: string): Foreign | undefined =>
  mappingsOf(root['upstreams']).find((upstream) => nameOf(upstream) === host);

function urlOf(value: Foreign): string {
  const protocol = textOf(value['protocol']) ?? 'http';
  const port = numberOf(value['port']) ?? (protocol === 'https' ? 443 : 80);
  const isDefault = port === (protocol === 'https' ? 443 : 80);
  return `${protocol}://${textOf(value['host']) ?? ''}${isDefault ? '' : `:${port}`}${textOf(value['path']) ?? ''}`;
}

const isTargetOf = (target: Foreign, { name, id }: Foreign): boolean =>
  referenceOf(target['upstream']).some((handle) => handle === textOf(name) || handle === textOf(id));

/** Host and port of each target that has a share, each once, the heaviest first. */
function targetsOf(root: Foreign, upstream: Foreign): Server[] {
  const all = [...mappingsOf(upstream['targets']), ...mappingsOf(root['targets']).filter((target) => isTargetOf(target, upstream))];
  const weights = new Map<string, number>();
  for (const { target, weight } of all) {
    const host = textOf(target);
    if (host !== undefined) weights.set(/:\d+$/.test(host) ? host : `${host}:${DEFAULT_PORT}`, numberOf(weight) ?? DEFAULT_WEIGHT);
  }
  return [...weights]
    .map(([url, weight]) => ({ url, weight: Math.round(weight) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
}

/** The same shares in the smallest numbers. */
function evened(servers: readonly Server[]): Server[] {
  const common = servers.map(({ weight }) => weight).reduce(divisorOf);
  const most = Math.max(...servers.map(({ weight }) => weight / common));
  const factor = Math.min(1, MAX_WEIGHT / most) / common;
  return servers.map(({ url, weight }) => ({ url, weight: Math.max(1, Math.round(weight * factor)) }));
}

const divisorOf = (a: number, b: number): number => (b === 0 ? a : divisorOf(b, a % b));

const partOf = (holder: unknown, part: string): Foreign => (isMapping(holder) && isMapping(holder[part]) ? holder[part] : {});
const between = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, Math.round(value)));

/** Kong checks by itself where an interval is not 0. */
function healthCheckOf(upstream: Foreign): object | undefined {
  const active = partOf(upstream['healthchecks'], 'active');
  const [healthy, unhealthy] = [partOf(active, 'healthy'), partOf(active, 'unhealthy')];
  const seconds = [healthy, unhealthy].map(({ interval }) => numberOf(interval) ?? 0).filter((interval) => interval > 0);
  if (seconds.length === 0 || !/^https?$/.test(textOf(active['type']) ?? 'http')) return undefined;
  const [timeout, failures, successes] = [active['timeout'], unhealthy['http_failures'], healthy['successes']].map(numberOf);
  return {
    path: textOf(active['http_path']) ?? '/',
    interval_secs: between(1, Math.min(...seconds), 3600),
    timeout_ms: between(1, (timeout ?? 1) * 1000, 60_000),
    ...(failures === undefined || failures <= 0 ? {} : { unhealthy_threshold: between(1, failures, 100) }),
    ...(successes === undefined || successes <= 0 ? {} : { healthy_threshold: between(1, successes, 100) }),
  };
}

function notesOf(upstream: Foreign): string[] {
  const { active, passive } = isMapping(upstream['healthchecks']) ? upstream['healthchecks'] : {};
  const type = isMapping(active) ? textOf(active['type']) : undefined;
  const algorithm = textOf(upstream['algorithm']) ?? 'round-robin';
  const isHashed = (textOf(upstream['hash_on']) ?? 'none') !== 'none' || algorithm === 'consistent-hashing';
  return [
    ...(type === undefined || /^https?$/.test(type) ? [] : [`Its check by ${type} is not imported: servers are asked over HTTP.`]),
    ...(textOf(upstream['host_header']) === undefined ? [] : ['Each server is asked by its own name: host_header is not imported.']),
    ...(isMapping(passive) ? ['In the place of its passive checks the circuit breaker watches each server.'] : []),
    ...(isHashed ? ['Requests go to its servers by weight in turn: none belongs to one of them.'] : []),
    ...(!isHashed && algorithm !== 'round-robin' ? [`Requests go to its servers by weight in turn, not by ${algorithm}.`] : []),
  ];
}
