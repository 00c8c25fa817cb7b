/** A tenant with one of everything, and the addresses of the API filled in with its ids: for walks over every operation. */
import type { Answer, TestControlPlane } from './control-plane.js';

/** Ids by the parameter of an address that names them. */
export type Ids = Readonly<Record<string, string>>;

async function ok(control: TestControlPlane, line: string, body?: unknown): Promise<Answer['body']> {
  const answer = await control.send(line, body);
  if (answer.status >= 300) throw new Error(`${line} was answered ${answer.status}: ${answer.text}`);
  return answer.body as unknown;
}

/** Makes a tenant with one of everything that an address can name; `word` stands in its free texts. */
export async function seedTenant(control: TestControlPlane, tenant: string, word: string): Promise<Ids> {
  await ok(control, 'POST /v1/tenants', { name: tenant, tier: 'enterprise', display_name: word });
  const api = await ok(control, `POST /v1/tenants/${tenant}/apis`, {
    name: 'pay',
    path: '/pay',
    upstream_url: `https://${word}.example.com`,
    description: word,
  });
  const consumer = await ok(control, `POST /v1/consumers/${tenant}`, { name: 'shop', display_name: word });
  const subscription = await ok(control, 'POST /v1/subscriptions', {
    tenant_id: tenant,
    api_id: api.id,
    consumer_id: consumer.id,
    application: word,
  });
  const { apikeys } = await ok(control, `GET /v1/tenants/${tenant}/apikeys`);
  const plan = await ok(control, `POST /v1/tenants/${tenant}/plans`, { name: 'gold', description: word });
  const policy = await ok(control, 'POST /v1/admin/policies', {
    name: 'slow',
    tenant_id: tenant,
    policy_type: 'rate_limit',
    description: word,
    config: { requests_per_minute: 9 },
  });
  const binding = await ok(control, 'POST /v1/admin/policies/bindings', { policy_id: policy.id, api_catalog_id: api.id });
  const hook = { url: `https://hooks.example.com/${word}`, events: ['*'], secret: 'whsec_abc123' };
  const webhook = await ok(control, `POST /v1/tenants/${tenant}/webhooks`, hook);
  const delivery = await ok(control, `POST /v1/tenants/${tenant}/webhooks/${webhook.id}/test`);
  return {
    tenant,
    api: api.id,
    consumer: consumer.id,
    subscription: subscription.id,
    key: apikeys[0].id,
    plan: plan.id,
    policy: policy.id,
    binding: binding.id,
    webhook: webhook.id,
    delivery: delivery.id,
    revision: await newestRevision(control, tenant),
    kind: 'API',
    name: 'pay',
  };
}

/** Bindings are found by their policy, which stands in the query. */
const queryOf = (url: string, ids: Ids): string => (url.startsWith('/admin/policies/bindings') ? `?policy_id=${ids['policy'] ?? ''}` : '');

/** Number of the newest revision of a tenant. */
async function newestRevision(control: TestControlPlane, tenant: string): Promise<string> {
  const { revisions } = (await ok(control, `GET /v1/revisions?tenant=${tenant}&limit=1`)) as { revisions: { revision: number }[] };
  return String(revisions[0]?.revision);
}

/** The address of an operation with ids in it. */
export const addressOf = (method: string, url: string, ids: Ids): string =>
  `/v1${url.replace(/:(\w+)/g, (_all, name: string) => ids[name] ?? fail(`No test knows what :${name} of ${url} is.`))}${method === 'POST' ? '' : queryOf(url, ids)}`;

function fail(message: string): never {
  throw new Error(message);
}
