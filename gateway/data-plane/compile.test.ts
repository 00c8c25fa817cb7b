import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/kind.js';
import type { SyncResource } from '../../schema/sync.js';
import { catalog } from '../catalog.js';
import type { Exchange, Hooks } from '../policies/contract.js';
import { policies } from '../policies/index.js';
import { ConfigSource, type AdminApi } from './config-source.js';
import { createPolicyReader } from './policy-bindings.js';
import { createRuntimeState } from './policy-state.js';
import { Publisher } from './publisher.js';
import type { Credential } from './snapshot.js';
import { Topology } from './topology.js';

let serial = 0;

const resource = (
  kind: string,
  tenant: string,
  name: string,
  spec: JsonObject,
  id = `${kind.slice(0, 3).toLowerCase()}-${name}`,
): SyncResource => {
  serial += 1;
  const at = new Date(1_700_000_000_000 + serial * 1000).toISOString();
  return { kind, tenant, name, id, spec, labels: {}, annotations: {}, created_at: at, updated_at: at };
};
const api = (name: string, spec: JsonObject = {}) =>
  resource('API', 'acme', name, { path: `/${name}`, upstream_url: `http://127.0.0.1:9/${name}`, ...spec });
const limit = (name: string, perMinute: number, spec: JsonObject = {}) =>
  resource('Policy', 'acme', name, { policy_type: 'rate_limit', config: { requests_per_minute: perMinute }, ...spec });
const onApi = (name: string, consumer?: string): JsonObject => ({
  targets: [consumer === undefined ? { kind: 'API', name } : { kind: 'API', name, consumer }],
});

const NONE = { resources: [], subscriptions: [], credentials: [] };

function setup({ atOnce = true, onPublish = (): void => undefined } = {}) {
  const time = { ms: 1_700_000_000_000 };
  const now = (): number => time.ms;
  const topology = new Topology(createPolicyReader(catalog, policies));
  const state = createRuntimeState(now, { event: () => undefined }, true);
  const problems: string[] = [];
  const metrics = { observe: () => undefined, cached: () => undefined };
  const publisher = new Publisher({
    catalog,
    state,
    now,
    topology,
    metricsOf: () => metrics,
    onProblem: (route) => problems.push(...route.problems),
    onPublish,
    onGone: () => undefined,
  });
  let number = 0;
  const source = new ConfigSource((delta) => publisher.apply(delta, (number += 1), atOnce));
  const put = (...resources: SyncResource[]): void =>
    source.change(
      { type: 'change', number: number + 1, put: { ...NONE, resources }, remove: { resources: [], subscriptions: [], credentials: [] } },
      's',
    );
  const remove = (...keys: string[]): void =>
    source.change({ type: 'change', number: number + 1, put: NONE, remove: { resources: keys, subscriptions: [], credentials: [] } }, 's');
  const route = (path: string) => publisher.snapshot.match(path)?.route;
  return { time, state, source, publisher, problems, put, remove, route };
}

const credential = (consumer?: string, limits: readonly Hooks[] = []): Credential => ({
  keyId: 'key-1',
  tenant: 'acme',
  subscriptionId: 'sub-1',
  subscriptionActive: true,
  subscriptionEnds: Infinity,
  api: 'pay',
  consumerId: consumer,
  consumer,
  consumerName: consumer,
  keyStatus: 'active',
  notBefore: 0,
  notAfter: null,
  certificates: undefined,
  limits,
});

const exchangeOf = (consumerId?: string): Exchange => ({
  requestId: 'r',
  method: 'GET',
  path: '/',
  query: '',
  clientIp: '192.0.2.1',
  header: () => undefined,
  caller: consumerId === undefined ? undefined : { subscriptionId: 'sub-1', consumerId, keyId: 'key-1' },
  limit: undefined,
  tokenFailure: undefined,
  cache: undefined,
  maxBodyBytes: undefined,
  isCounted: false,
});

/** How many of many requests pass, and the last exchange. */
function pass(hooks: readonly Hooks[] | undefined, consumerId?: string, requests = 200): { passed: number; last: Exchange } {
  let passed = 0;
  let last = exchangeOf(consumerId);
  for (let n = 0; n < requests; n += 1) {
    last = exchangeOf(consumerId);
    if ((hooks ?? []).every((hook) => hook.request?.(last) === undefined)) passed += 1;
  }
  return { passed, last };
}

describe('compile', () => {
  it('serves an API at the prefixes of decision K16 and strips them (AP9 AP10 TN10 DP10 DP11)', () => {
    const { put, publisher } = setup();

    put(api('pay', { version: 'v1', methods: ['GET', 'POST'], upstream_url: 'https://up.example.com:8443/base/' }));

    for (const prefix of ['/apis/acme/pay', '/acme/pay', '/apis/acme/pay/v1', '/acme/pay/v1']) {
      expect(publisher.snapshot.match(`${prefix}/x`)).toMatchObject({
        prefixLength: prefix.length,
        route: { api: 'pay', state: 'active' },
      });
    }
    expect(publisher.snapshot.match('/acme/pay')?.route).toMatchObject({
      id: 'api-pay',
      allow: 'GET, POST',
      authRequired: true,
      upstream: { origin: 'https://up.example.com:8443', basePath: '/base', host: 'up.example.com:8443', timeoutMs: 30_000, retries: 2 },
    });
    expect(publisher.snapshot.match('/apis/other/pay')).toBeUndefined();
  });

  it('asks for client certificates as the API says, whatever tool spelt its issuers (DP22)', () => {
    const { put, route } = setup();

    put(api('pay', { client_certificate: { issuers: ['CN=Acme CA, O=Acme'] } }), api('open'));

    expect(route('/acme/pay')?.clientCertificate).toEqual({ isRequired: true, issuers: new Set(['CN=Acme CA\nO=Acme']) });
    expect(route('/acme/open')?.clientCertificate).toBeUndefined();
  });

  it('compiles one route when one of many changes, and leaves the old snapshot as it was', () => {
    const { put, publisher } = setup();
    put(...Array.from({ length: 500 }, (_, n) => api(`a${String(n)}`)), limit('all', 10));
    const before = publisher.snapshot;

    put(api('a7', { activated: false }));

    const after = publisher.snapshot;
    const changed = after.routes.filter((route) => before.byKey.get(route.id) !== route);
    expect(changed.map(({ api: name }) => name)).toEqual(['a7']);
    expect(before.match('/acme/a7')?.route.state).toBe('active');
    expect(after.match('/acme/a7')?.route.state).toBe('inactive');
  });

  it('compiles a large change in slices, and serves the old snapshot until all of it is done', async () => {
    let publishes = 0;
    const { put, publisher } = setup({ atOnce: false, onPublish: () => (publishes += 1) });
    const counts: number[] = [];

    put(...Array.from({ length: 5000 }, (_, n) => api(`a${String(n)}`)), limit('all', 10));
    counts.push(publisher.snapshot.routes.length);
    put(api('late'));
    for (const until = Date.now() + 20_000; publishes === 0 && Date.now() < until;) {
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(publisher.snapshot.routes.length);
    }

    expect(new Set(counts)).toEqual(new Set([0, 5001]));
    expect(publishes).toBe(1);
    expect(publisher.snapshot.number).toBe(2);
  });

  it('compiles only the routes that a policy governs, before and after', () => {
    const { put, publisher } = setup();
    put(api('pay'), api('bill'), api('other'), limit('p', 5, onApi('pay')));
    const before = publisher.snapshot;

    put(limit('p', 5, onApi('bill')));

    const changed = publisher.snapshot.routes.filter((route) => before.byKey.get(route.id) !== route);
    expect(changed.map(({ api: name }) => name).sort()).toEqual(['bill', 'pay']);
    expect(pass(publisher.snapshot.match('/acme/pay')?.route.hooksFor(undefined)).passed).toBe(200);
    expect(pass(publisher.snapshot.match('/acme/bill')?.route.hooksFor(undefined)).passed).toBe(5);
  });

  it('publishes nothing new for objects that are equal', () => {
    const { put, publisher } = setup();
    const pay = api('pay');
    put(pay);
    const before = publisher.snapshot.byKey.get('api-pay');

    put(structuredClone(pay));

    expect(publisher.snapshot.byKey.get('api-pay')).toBe(before);
  });

  it('takes a route away when its API is removed', () => {
    const { put, remove, route } = setup();
    put(api('pay'));

    remove('API acme/pay');

    expect(route('/acme/pay')).toBeUndefined();
  });

  it('answers for a route whose policy type it does not know, but never serves it', () => {
    const { put, route, problems } = setup();

    put(api('pay'), api('free'), resource('Policy', 'acme', 'odd', { policy_type: 'quantum', config: {}, ...onApi('pay') }));

    expect(route('/acme/pay')).toMatchObject({ state: 'broken', prefixes: ['/apis/acme/pay', '/acme/pay'] });
    expect(route('/acme/free')).toMatchObject({ state: 'active' });
    expect(problems.join()).toContain('"quantum"');
  });

  it('answers for an API whose spec it cannot read, and serves it again when it is mended', () => {
    const { put, route } = setup();

    put(api('pay', { upstream_url: 'ftp://nowhere' }));
    expect(route('/acme/pay')?.state).toBe('broken');
    put(api('pay'));

    expect(route('/acme/pay')?.state).toBe('active');
  });

  it('refuses only the consumer whose own policy cannot be used', () => {
    const { put, route } = setup();
    put(
      api('pay'),
      resource('Policy', 'acme', 'odd', { policy_type: 'quantum', config: {}, targets: [{ kind: 'Consumer', name: 'vip' }] }),
    );

    const hooks = route('/acme/pay')?.hooksFor(credential('vip'));

    expect(hooks?.[0]?.request?.(exchangeOf('vip'))).toMatchObject({ status: 503 });
    expect(route('/acme/pay')?.hooksFor(credential('other'))).toEqual([]);
  });
});

describe('policies of one type', () => {
  it.each([
    ['the lowest priority number rules (PL13)', [limit('a', 3, { priority: 10 }), limit('b', 7, { priority: 20, ...onApi('pay') })], 3],
    ['of equal ones the closest target rules', [limit('c', 3), limit('d', 7, onApi('pay'))], 7],
    ['of equally close ones the newest rules', [limit('e', 3, onApi('pay')), limit('f', 7, onApi('pay'))], 7],
    ['a disabled one does not count', [limit('g', 3, { enabled: false }), limit('h', 7)], 7],
    ['scope api without targets governs nothing', [limit('i', 3, { scope: 'api' })], 200],
    ['the limit of one API does not concern another', [limit('j', 3, onApi('bill'))], 200],
  ])('%s', (_rule, bound, expected) => {
    const { put, route } = setup();

    put(api('pay'), api('bill'), ...bound);

    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(expected);
  });

  it.each([
    ['a consumer target goes before the tenant', [limit('a', 3), limit('b', 9, { targets: [{ kind: 'Consumer', name: 'vip' }] })], 9, 3],
    [
      'a consumer on one API goes before the consumer',
      [limit('c', 3, { targets: [{ kind: 'Consumer', name: 'vip' }] }), limit('d', 9, onApi('pay', 'vip'))],
      9,
      200,
    ],
    ['a lower number of the tenant goes before both', [limit('e', 2, { priority: 1 }), limit('f', 9, onApi('pay', 'vip'))], 2, 2],
  ])('%s', (_rule, bound, vip, other) => {
    const { put, route } = setup();

    put(api('pay'), ...bound);

    expect(pass(route('/acme/pay')?.hooksFor(credential('vip')), 'vip').passed).toBe(vip);
    expect(pass(route('/acme/pay')?.hooksFor(credential('other')), 'other').passed).toBe(other);
  });

  it('counts a tenant policy over all APIs of the tenant, and an API policy for each (PL12)', () => {
    const { put, route } = setup();
    put(api('pay'), api('bill'), limit('all', 5));

    expect(pass(route('/acme/pay')?.hooksFor(undefined), undefined, 3).passed).toBe(3);
    expect(pass(route('/acme/bill')?.hooksFor(undefined)).passed).toBe(2);
  });

  it('hands out one array for all callers without policies of their own', () => {
    const { put, route } = setup();
    put(api('pay'), limit('all', 5), limit('vip', 9, onApi('pay', 'vip')));
    const vip = credential('vip');

    expect(route('/acme/pay')?.hooksFor(credential('a'))).toBe(route('/acme/pay')?.hooksFor(undefined));
    expect(route('/acme/pay')?.hooksFor(vip)).toBe(route('/acme/pay')?.hooksFor(vip));
  });
});

it('takes the OpenAPI document of an API as it is: it was checked where it was written, and is not copied', () => {
  const { put, route } = setup();
  const openapi = { openapi: 'none that the schema would take', paths: {} };

  put(api('pay', { openapi }));

  expect(route('/acme/pay')?.state).toBe('active');
  expect(route('/acme/pay')?.tools?.openapi).toBe(openapi);
});

describe('limits', () => {
  it('keeps what was consumed when the policy is edited, its route recompiled, or the policy deleted and made again', () => {
    const { put, remove, route, publisher } = setup();
    put(api('pay'), limit('p', 10, onApi('pay')));
    pass(route('/acme/pay')?.hooksFor(undefined), undefined, 8);

    put(limit('p', 12, onApi('pay')));
    expect(pass(route('/acme/pay')?.hooksFor(undefined), undefined, 1).last.limit).toMatchObject({ limit: 12, remaining: 3 });
    put(api('pay', { timeout_ms: 5 }));
    expect(pass(route('/acme/pay')?.hooksFor(undefined), undefined, 1).last.limit).toMatchObject({ remaining: 2 });
    remove('Policy acme/p');
    publisher.sweep();
    put(limit('p', 12, onApi('pay')));

    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(2);
  });

  it('counts on when an API could not be compiled for a while', () => {
    const { put, remove, route, publisher } = setup();
    put(api('pay'), limit('p', 10, onApi('pay')));
    pass(route('/acme/pay')?.hooksFor(undefined), undefined, 8);
    const [key = ''] = publisher.snapshot.byKey.get('api-pay')?.counterKeys.filter((each) => each.endsWith('p')) ?? [];

    put(resource('Policy', 'acme', 'odd', { policy_type: 'quantum', config: {}, ...onApi('pay') }));
    expect(route('/acme/pay')?.state).toBe('broken');
    expect(publisher.liveCounters()(key)).toBe(true);
    publisher.sweep();
    remove('Policy acme/odd');

    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(2);
  });

  it('scales every limit by the factor of the tenant, at once (TN6 PL16)', () => {
    const { put, route } = setup();
    put(api('pay', { rate_limit: { requests_per_hour: 7 } }), limit('p', 5));
    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(5);

    put(resource('Tenant', 'acme', 'acme', { settings: { rate_limit_multiplier: 2 } }));

    const { passed, last } = pass(route('/acme/pay')?.hooksFor(undefined));
    expect(passed).toBe(5);
    expect(last.limit).toMatchObject({ limit: 10, remaining: 0 });
  });

  it('counts a quota under the factor that is in force, and shows that, also when the factor has been the same before (AD20 AD21 TN6)', () => {
    const { put, route, state } = setup();
    const factor = (rate_limit_multiplier: number) => put(resource('Tenant', 'acme', 'acme', { settings: { rate_limit_multiplier } }));
    const shown = () => state.policyQuotas.list(() => true).map(({ limits }) => limits);
    put(api('pay'), resource('Policy', 'acme', 'q', { policy_type: 'quota', config: { daily: 10, monthly: 100 }, ...onApi('pay') }));
    pass(route('/acme/pay')?.hooksFor(undefined), undefined, 1);

    const byFactor = [1, 0.5, 1, 0.001, 1].map((value) => {
      factor(value);
      return shown();
    });

    const whole = [{ daily: 10, monthly: 100 }];
    expect(byFactor).toEqual([whole, [{ daily: 5, monthly: 50 }], whole, [{ daily: 1, monthly: 1 }], whole]);
    expect(pass(route('/acme/pay')?.hooksFor(undefined), undefined, 20).passed).toBe(9);
  });

  it('lets policies about addresses run before the caller is known, except those of single consumers (PL11)', () => {
    const { put, route } = setup();
    const filter = (name: string, spec: JsonObject = {}) =>
      resource('Policy', 'acme', name, { policy_type: 'ip_filter', config: { allow: ['198.51.100.0/24'] }, ...spec });
    put(api('pay'), filter('of-one', { targets: [{ kind: 'Consumer', name: 'app' }] }));
    const early = () => route('/acme/pay')?.preflight.map((hooks) => hooks.request?.(exchangeOf()));
    const late = (consumer?: string) => pass(route('/acme/pay')?.hooksFor(credential(consumer)), consumer, 1).passed;

    expect([early(), late('app'), late('other')]).toEqual([[], 0, 1]);
    put(filter('of-all'));

    expect([early()?.[0], late('app'), late('other')]).toEqual([expect.objectContaining({ status: 403 }), 0, 1]);
  });

  it('serves no route of a suspended tenant, until it is resumed', () => {
    const { put, route } = setup();
    const tenant = resource('Tenant', 'acme', 'acme', {});
    put(tenant, api('pay'), api('off', { activated: false }));
    const states = () => ['/acme/pay', '/acme/off'].map((path) => route(path)?.state);

    put({ ...tenant, suspended: true });
    expect(states()).toEqual(['inactive', 'inactive']);
    put(tenant);

    expect(states()).toEqual(['active', 'inactive']);
  });

  it('lets a request pass when all limits do, and counts a refused one nowhere', () => {
    const { put, route, time } = setup();
    put(api('pay', { rate_limit: { requests_per_hour: 6 } }), limit('p', 4));

    const first = pass(route('/acme/pay')?.hooksFor(undefined));
    expect(first.passed).toBe(4);
    expect(first.last.limit).toMatchObject({ limit: 4, retryAfterMs: 60_000 });
    time.ms += 60_000;
    const second = pass(route('/acme/pay')?.hooksFor(undefined));

    expect(second.passed).toBe(2);
    expect(second.last.limit).toMatchObject({ limit: 6 });
    time.ms += second.last.limit?.retryAfterMs ?? 0;
    expect(pass(route('/acme/pay')?.hooksFor(undefined), undefined, 1).passed).toBe(1);
  });
});

describe('admin routes', () => {
  const admin = (id: string, path_prefix: string): AdminApi => ({
    id,
    name: id,
    tenant_id: 'acme',
    path_prefix,
    backend_url: 'http://127.0.0.1:9',
    methods: ['GET'],
    spec_hash: '',
    activated: true,
    auth_required: false,
    created_at: '2020-01-01T00:00:00.000Z',
  });
  const policy = {
    id: 'p',
    name: 'gold',
    policy_type: 'rate_limit',
    config: { limit: 3, window_secs: 60 },
    priority: 1,
    created_at: '2026',
  };

  it('serves the prefix as it was given, and gives way to the control plane', () => {
    const { source, put, remove, route } = setup();
    source.changeAdmin({ apis: [admin('own', '/apis/acme/pay')], policies: [] });
    expect(route('/apis/acme/pay/x')?.id).toBe('own');
    expect(route('/acme/pay')).toBeUndefined();

    put(api('pay'));
    expect(route('/apis/acme/pay/x')?.id).toBe('api-pay');
    remove('API acme/pay');

    expect(route('/apis/acme/pay/x')?.id).toBe('own');
  });

  it('survives a full copy of the control plane', () => {
    const { source, route } = setup();
    source.changeAdmin({ apis: [admin('own', '/own')], policies: [] });

    source.replace({ ...NONE, resources: [api('pay')] }, { number: 9, store: 's' });

    expect(route('/own')?.id).toBe('own');
    expect(route('/acme/pay')?.id).toBe('api-pay');
  });

  it('puts a policy on a route of the control plane by its id', () => {
    const { source, put, route } = setup();
    put(api('pay'), api('bill'));

    source.changeAdmin({ apis: [], policies: [{ ...policy, api_id: 'api-pay' }] });

    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(3);
    expect(pass(route('/acme/bill')?.hooksFor(undefined)).passed).toBe(200);
    source.changeAdmin({ apis: [], policies: [] }, { apis: [], policies: ['p'] });
    expect(pass(route('/acme/pay')?.hooksFor(undefined)).passed).toBe(200);
  });
});

it('forgets the breakers and idle counters of what is gone', () => {
  const { put, remove, publisher, state, route, time } = setup();
  put(api('pay'), limit('p', 5, onApi('pay')));
  pass(route('/acme/pay')?.hooksFor(undefined), undefined, 1);
  expect(state.size()).toEqual({ counters: 1, breakers: 1 });

  remove('API acme/pay', 'Policy acme/p');
  publisher.sweep();
  expect(state.size()).toEqual({ counters: 1, breakers: 0 });
  time.ms += 120_000;
  publisher.sweep();

  expect(state.size()).toEqual({ counters: 0, breakers: 0 });
});
