import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildCatalog } from './catalog.js';
import type { Plan, PlanRequest, StoredResource } from './change.js';
import { checkResources } from './check.js';
import { plan } from './plan.js';
import { rateLimitConfig } from './rate-limit.js';
import { keyOf, type Resource } from './resource.js';

const catalog = buildCatalog([{ type: 'rate_limit', summary: 'Limits.', config: rateLimitConfig, example: { per_minute: 1 } }]);

const labels = fc.dictionary(fc.constantFrom('team', 'stage', 'x'), fc.constantFrom('a', 'b'), { maxKeys: 2 });
const nameOf = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const limit = fc.record(
  { requests_per_minute: fc.integer({ min: 1, max: 9 }), burst: fc.integer({ min: 0, max: 3 }) },
  { requiredKeys: ['requests_per_minute'] },
);
const api = fc.record(
  {
    path: fc.constantFrom('/a', '/b', '/c', '/d', '/e', '/f'),
    upstream_url: fc.constantFrom('https://one.example.com', 'https://two.example.com'),
    methods: fc.array(fc.constantFrom('GET', 'POST', 'PUT'), { minLength: 1 }),
    retries: fc.integer({ min: 0, max: 3 }),
    rate_limit: limit,
  },
  { requiredKeys: ['path', 'upstream_url'] },
);
const policy = fc.record(
  {
    policy_type: fc.constant('rate_limit'),
    config: limit,
    targets: fc.array(fc.record({ kind: fc.constant('Tenant'), name: fc.constant('acme') })),
  },
  { requiredKeys: ['policy_type', 'config'] },
);
const consumer = fc.record(
  { external_id: fc.uuid(), consumer_metadata: fc.dictionary(fc.constantFrom('k', 'l'), fc.jsonValue({ maxDepth: 2 })) },
  { requiredKeys: ['external_id'] },
);
const resource = (kind: string, spec: fc.Arbitrary<object>): fc.Arbitrary<Resource> =>
  fc.record({
    kind: fc.constant(kind),
    tenant: fc.constant('acme'),
    name: nameOf,
    labels,
    annotations: labels,
    spec: spec as fc.Arbitrary<Resource['spec']>,
  });

const tenant: Resource = { kind: 'Tenant', tenant: 'acme', name: 'acme', labels: {}, annotations: {}, spec: {} };

/** A set whose members are right: what the check takes out of anything. */
const desiredSet = fc
  .array(fc.oneof(resource('API', api), resource('Policy', policy), resource('Consumer', consumer)), { maxLength: 12 })
  .map((resources) => checked([tenant, ...unique(resources)]));

const unique = (resources: readonly Resource[]): Resource[] => [...new Map(resources.map((one) => [keyOf(one), one])).values()];
const checked = (resources: readonly Resource[]): Resource[] => checkResources(catalog, resources).resources;

/** What the control plane does with a plan that nothing stops. */
function applied({ changes }: Plan, desired: readonly Resource[], current: readonly StoredResource[]): StoredResource[] {
  const wanted = new Map(desired.map((one) => [keyOf(one), one]));
  const result = new Map(current.map((one) => [keyOf(one), one]));
  for (const change of changes) {
    const key = keyOf(change);
    const next = wanted.get(key);
    if (change.action === 'delete') result.delete(key);
    else if (next !== undefined) result.set(key, stored(next, change.version + 1));
  }
  // As after a trip through the database.
  return JSON.parse(JSON.stringify([...result.values()])) as StoredResource[];
}

const stored = (one: Resource, version = 1, managed_by: string | null = 'shop'): StoredResource => ({
  ...one,
  id: `id-${keyOf(one)}`,
  version,
  managed_by,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  updated_by: 'ci',
});

const request = (resources: readonly Resource[], more: Partial<PlanRequest> = {}): PlanRequest => ({ project: 'shop', resources, ...more });
const make = (resources: readonly Resource[], current: readonly StoredResource[], more?: Partial<PlanRequest>): Plan =>
  plan({ catalog, request: request(resources, more), current, revision: 1 });

describe('a plan', () => {
  it('of equal sets is empty, in whatever order they come', () => {
    fc.assert(
      fc.property(desiredSet, fc.infiniteStream(fc.nat()), (desired, numbers) => {
        const order = numbers[Symbol.iterator]();
        const shuffled = desired.map((one) => ({ one, at: Number(order.next().value) })).sort((a, b) => a.at - b.at);

        const made = make(
          desired,
          shuffled.map(({ one }) => stored(one)),
          { prune: true },
        );

        expect(made.changes).toEqual([]);
        expect(made.summary.unchanged).toBe(desired.length);
      }),
    );
  });

  it('that was applied leaves nothing to plan', () => {
    fc.assert(
      fc.property(desiredSet, desiredSet, fc.boolean(), (before, desired, prune) => {
        const current = before.map((one) => stored(one));

        const after = applied(make(desired, current, { prune }), desired, current);

        expect(make(desired, after, { prune }).changes).toEqual([]);
        expect(prune ? after.map(keyOf).sort() : []).toEqual(prune ? desired.map(keyOf).sort() : []);
      }),
    );
  });

  it('does not depend on the order of its input', () => {
    fc.assert(
      fc.property(desiredSet, desiredSet, (before, desired) => {
        const current = before.map((one, index) => stored(one, 1, [null, 'shop', 'other'][index % 3]));

        const one = make(desired, current, { prune: true });
        const other = make([...desired].reverse(), [...current].reverse(), { prune: true });

        expect(other).toEqual(one);
      }),
    );
  });

  it('says of every update and delete which version it starts from', () => {
    fc.assert(
      fc.property(desiredSet, desiredSet, (before, desired) => {
        const current = before.map((one, index) => stored(one, index + 5));
        const versions = new Map(current.map((one) => [keyOf(one), one.version]));

        for (const change of make(desired, current, { prune: true }).changes)
          expect(change.version).toBe(change.action === 'create' ? 0 : versions.get(keyOf(change)));
      }),
    );
  });

  it('names a field of every update of its own, and no field twice', () => {
    fc.assert(
      fc.property(desiredSet, desiredSet, (before, desired) => {
        const current = before.map((one) => stored(one));

        for (const { action, fields } of make(desired, current).changes) {
          const paths = fields.map(({ path }) => path);
          expect(action !== 'update' || paths.length > 0).toBe(true);
          expect(new Set(paths).size).toBe(paths.length);
        }
      }),
    );
  });

  it.each(['', 'many', '-1', '101%', '5 %', '1e3'])('refuses %j as a number of deletes', (max_deletes) => {
    const current = [stored(tenant), stored({ ...tenant, tenant: 'b', name: 'b' })];

    expect(() => make([tenant], current, { prune: true, max_deletes })).toThrow('is not a number of deletes');
  });

  it('of ten thousand resources is made in a moment', () => {
    const desired = checked([
      tenant,
      ...Array.from({ length: 10_000 }, (_, index): Resource => ({
        ...tenant,
        kind: 'Consumer',
        name: `c-${index}`,
        spec: { external_id: `x-${index}` },
      })),
    ]);
    const current = desired.map((one) => stored(one));
    const started = performance.now();

    const made = make(desired, current);

    expect(made.summary).toEqual({ create: 0, update: 0, delete: 0, unchanged: 10_001 });
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
