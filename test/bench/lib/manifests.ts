/** A manifest set of a given size, as a team of that size would have it: APIs, consumers and their subscriptions, a few policies. */

const TENANT = 'bench';
const APIS_PER_HUNDRED = 20;
const POLICIES_PER_HUNDRED = 2;

/** YAML documents: one tenant, and of every hundred resources 20 APIs, 2 policies, 39 consumers and 39 subscriptions. */
export function manifestText(count: number): string {
  const hundreds = Math.ceil(count / 100);
  const apis = Math.min(hundreds * APIS_PER_HUNDRED, count - 1);
  const policies = Math.min(hundreds * POLICIES_PER_HUNDRED, count - 1 - apis);
  const consumers = Math.floor((count - 1 - apis - policies) / 2);
  const documents = [
    document('Tenant', TENANT, ['tier: enterprise']),
    ...times(apis, (index) => document('API', `api-${index}`, apiLines(index))),
    ...times(policies, (index) => document('Policy', `limit-${index}`, policyLines(index))),
    ...times(consumers, (index) =>
      document('Consumer', `consumer-${index}`, [`external_id: user-${index}`, `email: user-${index}@example.com`]),
    ),
    ...times(count - 1 - apis - policies - consumers, (index) =>
      document('Subscription', `subscription-${index}`, [`api: api-${index % apis}`, `consumer: consumer-${index % consumers}`]),
    ),
  ];
  return documents.join('---\n');
}

const times = (count: number, make: (index: number) => string): string[] => Array.from({ length: count }, (_, index) => make(index));

const apiLines = (index: number): string[] => [
  `path: /services/service-${index}`,
  'version: v1',
  `upstream_url: http://127.0.0.1:9/service-${index}`,
  'methods: [GET, POST, PUT, DELETE]',
  'rate_limit:',
  '  requests_per_minute: 600',
  `description: Service number ${index} of the benchmark, described as people describe their services.`,
];

const policyLines = (index: number): string[] => [
  'policy_type: rate_limit',
  'config:',
  '  requests_per_minute: 1000',
  '  burst: 50',
  'targets:',
  `  - kind: API`,
  `    name: api-${index}`,
];

function document(kind: string, name: string, spec: readonly string[]): string {
  const tenant = kind === 'Tenant' ? [] : [`  tenant: ${TENANT}`];
  const metadata = [`  name: ${name}`, ...tenant, '  labels:', '    team: payments', '    stage: production'];
  return [
    'apiVersion: gostoa.dev/v1beta1',
    `kind: ${kind}`,
    'metadata:',
    ...metadata,
    'spec:',
    ...spec.map((line) => `  ${line}`),
    '',
  ].join('\n');
}
