/** One line per hot function of the product, each beside a yardstick. A new hot function gets its line here. */
import { createHash } from 'node:crypto';
import { load } from 'js-yaml';
import { parseAllDocuments } from 'yaml';
import { catalog } from '../../gateway/catalog.js';
import { createAccessLog } from '../../gateway/data-plane/access-log.js';
import { createKeyTable } from '../../gateway/data-plane/key-table.js';
import { createLimiter, CounterTable } from '../../gateway/data-plane/limiter.js';
import { parseTarget, pathProblem } from '../../gateway/data-plane/path.js';
import { PrefixTable, prefixesOf } from '../../gateway/data-plane/prefix-table.js';
import type { Credential, Route } from '../../gateway/data-plane/snapshot.js';
import { createSteadyClock } from '../../gateway/data-plane/steady-clock.js';
import { createUsageMeter } from '../../gateway/data-plane/usage-meter.js';
import type { PlanRequest } from '../../schema/change.js';
import { check } from '../../schema/check.js';
import { parseManifests } from '../../schema/manifest.js';
import { plan } from '../../schema/plan.js';
import { keyOf } from '../../schema/resource.js';
import { buildWorld, syncObjects } from './lib/world.js';
import { manifestText } from './lib/manifests.js';
import { measure, type Measured } from './lib/measure.js';
import { short, table } from './lib/statistics.js';

const RESOURCES = 10_000;

/** Measures every hot function and answers with a markdown table. */
export function benchFunctions(): string {
  const rows = [...requestFunctions(), ...manifestFunctions()].map((measured) => {
    const { nanoseconds, ratio } = measure(measured);
    return [measured.name, duration(nanoseconds), short(ratio), measured.yardstick.name];
  });
  return table(['function', 'time', 'to the yardstick', 'yardstick'], rows);
}

function duration(nanoseconds: number): string {
  if (nanoseconds < 1000) return `${short(nanoseconds)} ns`;
  return nanoseconds < 1e6 ? `${short(nanoseconds / 1000)} µs` : `${short(nanoseconds / 1e6)} ms`;
}

/** What runs for each request. */
function requestFunctions(): Measured[] {
  const target = '/apis/acme/payments/v1/invoices/2026-11?status=open&limit=20';
  return [
    {
      name: 'canonical path',
      run: () => pathProblem(parseTarget(target)?.path ?? ''),
      yardstick: { name: 'new URL', run: () => new URL(target, 'http://gateway') },
    },
    keyFunction(1000),
    keyFunction(100_000),
    routerFunction(100),
    routerFunction(10_000),
    limiterFunction(),
    accessLineFunction(),
    usageFunction(),
  ];
}

/** A known key to its credential, cache and table together; the keys of the larger table do not fit into the cache. */
function keyFunction(keys: number): Measured {
  const world = buildWorld(100, keys);
  const objects = syncObjects(world, 'http://127.0.0.1:9');
  const subscriptions = new Map(objects.subscriptions.map((subscription) => [subscription.id, subscription]));
  const resources = new Map(objects.resources.map((resource) => [keyOf(resource), resource]));
  const table = createKeyTable({ subscriptions, resources, limitsOf: () => ({ hooks: [], plan: undefined, multiplier: 1 }) });
  table.apply({ credentials: objects.credentials.map((after) => ({ key: after.id, before: undefined, after })), subscriptions: [] }, []);
  let turn = 0;
  const next = (): string => world.keys[(turn = (turn + 1) % keys)]?.key ?? '';
  return {
    name: `key lookup, ${keys} keys`,
    run: () => table.find(next()),
    yardstick: { name: 'SHA-256 by createHash', run: () => createHash('sha256').update(next()).digest('hex') },
  };
}

function routerFunction(routes: number): Measured {
  const paths = Array.from({ length: routes }, (_, index) => `/apis/acme/service-${index}`);
  const prefixes = new Map(paths.map((path, index) => [path, index]));
  const table = new PrefixTable();
  for (const index of prefixes.values())
    table.put(`api-${index}`, { id: `api-${index}`, createdAt: '', claims: prefixesOf({ tenant: 'acme', path: `/service-${index}` }) });
  const router = table.router();
  let turn = 0;
  const next = (): string => paths[(turn = (turn + 1) % paths.length)] ?? '';
  return {
    name: `router match, ${routes} routes`,
    run: () => router.match(`${next()}/invoices/2026-11`),
    yardstick: { name: 'Map get of the prefix', run: () => prefixes.get(next()) },
  };
}

function limiterFunction(): Measured {
  const table = new CounterTable();
  const limiter = createLimiter(table, createSteadyClock(Date.now), { limit: 1_000_000_000, windowSeconds: 60, burst: 0 });
  const subjects = Array.from({ length: 1000 }, (_, index) => `consumer-${index}`);
  const counts = new Map(subjects.map((subject) => [subject, 0]));
  let turn = 0;
  const next = (): string => subjects[(turn = (turn + 1) % subjects.length)] ?? '';
  const increment = (): void => {
    const subject = next();
    counts.set(subject, (counts.get(subject) ?? 0) + 1 + Date.now() * 0);
  };
  return { name: 'limiter take, 1 000 subjects', run: () => limiter.take(next()), yardstick: { name: 'Map get and set', run: increment } };
}

function accessLineFunction(): Measured {
  const log = createAccessLog({ format: 'json', level: 'info', write: () => undefined, now: Date.now });
  const fields = {
    consumer: 'mobile-app',
    path: '/apis/acme/payments/v1/invoices',
    status: 200,
    latency_ms: 1.2,
    request_id: 'req-0123456789abcdef',
  };
  return {
    name: 'access line',
    run: () => log.event('info', 'request completed', fields),
    yardstick: {
      name: 'JSON.stringify',
      run: () => JSON.stringify({ ts: Date.now(), level: 'info', event: 'request completed', ...fields }),
    },
  };
}

/** One answer counted, 100 APIs with 1 000 subscriptions and keys. */
function usageFunction(): Measured {
  const meter = createUsageMeter();
  const routes = Array.from({ length: 100 }, (_, index) => ({ id: `api-${index}`, tenant: 'acme' }) as Route);
  const credentials = Array.from({ length: 1000 }, (_, index) => ({ subscriptionId: `sub-${index}`, keyId: `key-${index}` }) as Credential);
  const counts = new Map(credentials.map(({ keyId }) => [keyId, 0]));
  let turn = 0;
  const next = (): number => (turn = (turn + 1) % 1000);
  const observe = (): void => {
    const index = next();
    const route = routes[index % 100];
    if (route !== undefined)
      meter.observe(
        route,
        { credential: credentials[index], status: 200, latencyMs: 0.5 + index / 10, isCounted: true },
        1_795_000_000_000,
      );
  };
  const increment = (): void => {
    const key = credentials[next()]?.keyId ?? '';
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  return { name: 'usage, 1 000 subscriptions', run: observe, yardstick: { name: 'Map get and set', run: increment } };
}

/** What runs for each manifest set. */
function manifestFunctions(): Measured[] {
  const text = manifestText(RESOURCES);
  const { manifests } = parseManifests(text, 'bench.yaml');
  const { resources, diagnostics } = check(catalog, manifests);
  if (diagnostics.some(({ severity }) => severity === 'error'))
    throw new Error(`The manifests of the benchmark are wrong: ${JSON.stringify(diagnostics[0])}`);
  const json = JSON.stringify(manifests.map(({ spec }) => spec));
  const request: PlanRequest = { project: 'bench', resources };
  const parseJson = { name: 'JSON.parse of the specs', run: (): unknown => JSON.parse(json) };
  const documents = text.split('---\n');
  return [
    { name: `parseManifests, ${RESOURCES}`, run: () => parseManifests(text, 'bench.yaml'), yardstick: parseJson },
    {
      name: 'parseManifests (again)',
      run: () => parseManifests(text, 'bench.yaml'),
      yardstick: { name: 'js-yaml alone', run: () => documents.map((document) => load(document)) },
    },
    {
      name: 'js-yaml',
      run: () => documents.map((document) => load(document)),
      yardstick: { name: 'yaml, with positions', run: () => parseAllDocuments(text).length },
    },
    { name: `check, ${RESOURCES}`, run: () => check(catalog, manifests), yardstick: parseJson },
    {
      name: `plan of a first apply, ${RESOURCES}`,
      run: () => plan({ catalog, request, current: [], revision: 0 }),
      yardstick: parseJson,
    },
  ];
}
