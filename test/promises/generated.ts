/** Sets of manifests made by chance from a seed: right in themselves, of every kind and policy type, with secrets and variables. */
import fc from 'fast-check';
import { catalog } from '../../gateway/catalog.js';

/** A manifest as a person writes it. */
export interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly tenant?: string; readonly labels?: object; readonly annotations?: object };
  readonly spec: object;
}

const NAMES = ['a', 'b', 'c', 'd'] as const;
const some = fc.subarray([...NAMES]);
const labels = fc.dictionary(fc.constantFrom('team', 'stage'), fc.constantFrom('red', 'blue'), { maxKeys: 2 });

const tenantSpec = fc.record(
  { tier: fc.constantFrom('starter', 'business', 'enterprise'), region: fc.constantFrom('eu-1', 'us-1') },
  { requiredKeys: [] },
);
const apiSpec = fc.record(
  {
    upstream_url: fc.constantFrom('https://one.example.com', 'https://${env:UPSTREAM_HOST:-two.example.com}/x'),
    methods: fc.uniqueArray(fc.constantFrom('GET', 'POST', 'PUT'), { minLength: 1 }),
    auth_required: fc.boolean(),
    retries: fc.integer({ min: 0, max: 3 }),
    rate_limit: fc.record({ requests_per_minute: fc.integer({ min: 1, max: 9 }) }),
  },
  { requiredKeys: ['upstream_url'] },
);
const consumerSpec = fc.record(
  {
    email: fc.constantFrom('x@example.com', 'y@example.com'),
    consumer_metadata: fc.dictionary(fc.constantFrom('k', 'l'), fc.jsonValue({ maxDepth: 1 })),
  },
  { requiredKeys: [] },
);
const planSpec = fc.record(
  { requires_approval: fc.boolean(), rate_limit: fc.record({ requests_per_hour: fc.integer({ min: 1, max: 9 }) }) },
  { requiredKeys: [] },
);
const policySpec = fc.record(
  { policy: fc.constantFrom(...catalog.policyTypes), priority: fc.integer({ min: 1, max: 50 }), target: fc.constantFrom('API', 'Tenant') },
  { requiredKeys: ['policy', 'target'] },
);
const webhookSpec = fc.record(
  {
    events: fc.constantFrom(['*'], ['subscription.created']),
    secret_ref: fc.constantFrom('env:HOOK_SECRET', 'file:secret.txt'),
    enabled: fc.boolean(),
  },
  { requiredKeys: ['events'] },
);

const manifest = (kind: string, metadata: Written['metadata'], spec: object): Written => ({
  apiVersion: 'gostoa.dev/v1beta1',
  kind,
  metadata,
  spec,
});

/** One tenant and what is in it: whatever refers to something refers to what is there. */
const shop = (tenant: string): fc.Arbitrary<Written[]> =>
  fc
    .record({
      of: fc.tuple(tenantSpec, labels),
      apis: some,
      consumers: some,
      plans: some,
      policies: some,
      webhooks: some,
      specs: fc.record({
        apis: fc.array(fc.tuple(apiSpec, labels), { minLength: 4, maxLength: 4 }),
        consumers: fc.array(consumerSpec, { minLength: 4, maxLength: 4 }),
        plans: fc.array(planSpec, { minLength: 4, maxLength: 4 }),
        policies: fc.array(policySpec, { minLength: 4, maxLength: 4 }),
        webhooks: fc.array(webhookSpec, { minLength: 4, maxLength: 4 }),
      }),
      hasPlan: fc.boolean(),
    })
    .map(({ of: [tenantFields, tenantLabels], apis, consumers, plans, policies, webhooks, specs, hasPlan }) => {
      const inTenant = (kind: string, names: readonly string[], spec: (index: number, name: string) => object): Written[] =>
        names.map((name) => manifest(kind, { name, tenant }, spec(NAMES.indexOf(name as 'a'), name)));
      return [
        manifest('Tenant', { name: tenant, labels: tenantLabels }, tenantFields),
        ...inTenant('API', apis, (index, name) => ({ path: `/${name}`, ...specs.apis[index]?.[0] })),
        ...inTenant('Consumer', consumers, (index) => specs.consumers[index] ?? {}),
        ...inTenant('Plan', plans, (index) => specs.plans[index] ?? {}),
        ...inTenant('Policy', policies, (index) => policyOf(specs.policies[index], apis[0], tenant)),
        ...inTenant('Webhook', webhooks, (index, name) => ({ url: `http://hooks.invalid/${name}`, ...specs.webhooks[index] })),
        ...apis.flatMap((api) =>
          consumers
            .slice(0, 2)
            .map((consumer) =>
              manifest(
                'Subscription',
                { name: `${consumer}-${api}`, tenant },
                { api, consumer, ...(hasPlan && plans[0] !== undefined ? { plan: plans[0] } : {}) },
              ),
            ),
        ),
      ];
    });

function policyOf(
  drawn: { policy: { type: string; example: unknown }; priority?: number; target: string } | undefined,
  api: string | undefined,
  tenant: string,
): object {
  if (drawn === undefined) return {};
  const { policy, priority, target } = drawn;
  const isOfApi = target === 'API' && api !== undefined;
  return {
    policy_type: policy.type,
    config: policy.example,
    ...(priority === undefined ? {} : { priority }),
    targets: [isOfApi ? { kind: 'API', name: api } : { kind: 'Tenant', name: tenant }],
  };
}

const set = fc.tuple(shop('acme'), fc.option(shop('globex'), { nil: [] })).map((shops) => shops.flat());

/** What was live before, and what is wanted now: both right, related by their names. */
export const changesOf = (seed: number, count: number): { readonly before: readonly Written[]; readonly after: readonly Written[] }[] =>
  fc.sample(fc.record({ before: set, after: set }), { seed, numRuns: count });

/** As a file: one document a manifest. */
export const yamlOf = (manifests: readonly Written[]): string =>
  manifests.map((each) => `${JSON.stringify(each, null, 2)}\n---\n`).join('');
