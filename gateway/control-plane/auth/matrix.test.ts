/** Every address of the API, by every role, on one's own tenant and on another one: nobody may do more than the table of rights says, nor see across. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openControlPlane, type Answer, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { addressOf, seedTenant, type Ids } from '../../../test/helpers/seeded-tenant.js';
import { endpoints } from '../endpoints.js';
import { namesTenant, type Endpoint } from '../http/endpoint.js';
import { rolesWith } from './roles.js';

/** Stands in every free text of the other tenant: no answer to us may hold it. */
const CANARY = 'canary-7f3a9';
const TENANT_ROLES = ['tenant-admin', 'devops', 'viewer'] as const;

let control: TestControlPlane;
let own: Ids;
let foreign: Ids;

beforeEach(async () => {
  control = await openControlPlane();
  own = await seedTenant(control, 'acme', 'own');
  foreign = await seedTenant(control, 'globex', CANARY);
});
afterEach(() => control.close());

interface Attempt {
  readonly endpoint: Endpoint;
  readonly line: string;
  readonly url: string;
  readonly body: unknown;
}

/** Every method of every address; what deletes comes last, so that the others find something. */
function attempts(ids: Ids): Attempt[] {
  const all = endpoints.flatMap((endpoint) =>
    endpoint.urls.flatMap((url) =>
      endpoint.methods.map((method) => ({
        endpoint,
        url,
        line: `${method} ${addressOf(method, url, ids)}${queryOf(endpoint)}`,
        body: bodyOf(endpoint, method, ids),
      })),
    ),
  );
  const isEnd = ({ line }: Attempt): boolean => /^DELETE|revoke$|reject$|suspend$/.test(line);
  return [...all.filter((attempt) => !isEnd(attempt)), ...all.filter(isEnd)];
}

/** What a request cannot be without. */
const queryOf = ({ id }: Endpoint): string => (id === 'listRevisionResources' ? '?project=shop' : '');

/** A body that names things of that tenant wherever a body can. */
function bodyOf({ body, id }: Endpoint, method: string, ids: Ids): unknown {
  if (method === 'GET' || body === undefined) return undefined;
  if (id === 'createSubscriptionFlat') return { api_id: ids['api'] };
  if (id === 'createSubscription') return { api_id: ids['api'], consumer_id: ids['consumer'] };
  if (id === 'createApiKey') return { subscription_id: ids['subscription'] };
  if (id === 'createPolicy')
    return { name: 'new', tenant_id: ids['tenant'], policy_type: 'rate_limit', config: { limit: 1, window_secs: 1 } };
  if (id === 'createPolicyBinding') return { policy_id: ids['policy'], api_catalog_id: ids['api'] };
  if (['planResources', 'previewObjects', 'applyResources'].includes(id))
    return {
      project: 'p',
      resources: [{ kind: 'API', tenant: ids['tenant'], name: 'pay', spec: { path: '/x', upstream_url: 'https://x.example' } }],
    };
  return {};
}

const send = ({ line, body }: Attempt, token: string): Promise<Answer> => control.send(line, body, { token });
const codeOf = (answer: Answer): string =>
  `${answer.status} ${(answer.body as { error?: { code?: string } } | undefined)?.error?.code ?? ''}`;

/** Everything of a tenant that is stored, but for the audit log. */
async function stored(tenant: string): Promise<unknown> {
  const { db } = control.cp;
  return {
    resources: await db.selectFrom('resources').selectAll().where('tenant', '=', tenant).orderBy('id').execute(),
    states: await db.selectFrom('subscription_states').selectAll().where('tenant', '=', tenant).orderBy('id').execute(),
    keys: await db.selectFrom('api_keys').selectAll().where('tenant', '=', tenant).orderBy('id').execute(),
    // Without what the delivery worker notes of its tries.
    deliveries: await db
      .selectFrom('webhook_deliveries')
      .select(['id', 'url', 'payload', 'status', 'finished_at'])
      .where('tenant', '=', tenant)
      .orderBy('id')
      .execute(),
    suspended: await db.selectFrom('suspended_tenants').selectAll().execute(),
  };
}

describe('every route by every role (CV16 CV31)', () => {
  it.each(['cpi-admin', ...TENANT_ROLES, 'gateway'] as const)(
    '%s may do in a tenant of its own what the table says, and no more',
    { timeout: 60_000 },
    async (role) => {
      const token =
        role === 'gateway' ? control.cp.gatewayToken : await control.tokenFor(role === 'cpi-admin' ? '' : `tenant:acme role:${role}`);
      const wrong: string[] = [];
      let done = 0;
      for (const attempt of attempts(own)) {
        const answer = await send(attempt, token);
        if (answer.status < 300) done += 1;
        const mayCall = rolesWith(attempt.endpoint.right).includes(role);
        // What the right allows may still be refused for what it is about: a key of a revoked subscription, say, but never for who asks.
        const isRefused = codeOf(answer) === '403 forbidden';
        if (isRefused === mayCall && !isRightly(attempt, role)) wrong.push(`${attempt.line}: ${codeOf(answer)}`);
        if (answer.status === 401 || answer.status >= 500) wrong.push(`${attempt.line}: ${answer.status}`);
      }

      expect(wrong).toEqual([]);
      // The walk is worth something only where most operations are done rather than refused for their input.
      if (role === 'cpi-admin') expect(done).toBeGreaterThan(60);
    },
  );

  it.each(TENANT_ROLES)('%s finds nothing of another tenant, and leaves nothing there', { timeout: 60_000 }, async (role) => {
    const token = await control.tokenFor(`tenant:acme role:${role}`);
    const before = await stored('globex');
    const wrong: string[] = [];
    for (const attempt of attempts(foreign)) {
      const answer = await send(attempt, token);
      if (answer.text.includes(CANARY)) wrong.push(`${attempt.line} shows it`);
      const mayCall = rolesWith(attempt.endpoint.right).includes(role);
      const namesForeign = namesTenant(attempt.url) || /:/.test(attempt.url);
      const expected = namesTenant(attempt.url) ? '404 not_found' : !mayCall ? '403 forbidden' : namesForeign ? '404 not_found' : undefined;
      if (expected !== undefined && codeOf(answer) !== expected) wrong.push(`${attempt.line}: ${codeOf(answer)} instead of ${expected}`);
      if (expected === undefined && attempt.body !== undefined && answer.status < 300) wrong.push(`${attempt.line} was done`);
    }

    expect(wrong).toEqual([]);
    expect(await stored('globex')).toEqual(before);
  });

  it.each(TENANT_ROLES)('%s cannot bring things of another tenant into its own by naming them in a body', async (role) => {
    const token = await control.tokenFor(`tenant:acme role:${role}`);
    const mixed = { ...foreign, tenant: 'acme' };
    const wrong: string[] = [];
    for (const attempt of attempts(mixed).filter(({ url }) => namesTenant(url))) {
      const answer = await send(attempt, token);
      const namesForeign =
        attempt.url.replace(':tenant', '').includes(':') || JSON.stringify(attempt.body ?? '').includes(foreign['api'] ?? '-');
      if (answer.text.includes(CANARY)) wrong.push(`${attempt.line} shows it`);
      if (namesForeign && answer.status < 300 && !attempt.url.includes(':kind')) wrong.push(`${attempt.line} was done`);
    }

    expect(wrong).toEqual([]);
  });

  it('the stream of gateways is for their own token and the platform alone', async () => {
    for (const role of TENANT_ROLES) {
      const token = await control.tokenFor(`tenant:acme role:${role}`);
      expect(codeOf(await control.send('GET /v1/gateways/stream', undefined, { token }))).toBe('403 forbidden');
    }
  });

  it('nobody without a token, or with one that is none, comes anywhere', async () => {
    for (const token of [null, 'a.b.c', 'stoa_sk_0123456789abcdefghijklmnopqrstuv']) {
      const answers = await Promise.all(attempts(own).map(({ line, body }) => control.send(line, body, { token })));
      expect(new Set(answers.map(codeOf))).toEqual(new Set(['401 unauthorized']));
    }
  });
});

/** Refused for more than the right of the operation: the one of applies that touch tenants, and of gateways' own operations. */
function isRightly({ endpoint }: Attempt, role: string): boolean {
  return endpoint.right === 'sync' && role !== 'gateway' && role !== 'cpi-admin';
}
