import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import type { ApplyRequest, Plan } from '../../../schema/change.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';

let control: TestControlPlane;
let send: TestControlPlane['send'];
beforeEach(async () => {
  control = await openControlPlane();
  send = control.send;
});
afterEach(() => control.close());

const tenant = { kind: 'Tenant', tenant: 'acme', name: 'acme', spec: { tier: 'starter' } };
const api = (name: string, extra: Record<string, unknown> = {}) => ({
  kind: 'API',
  tenant: 'acme',
  name,
  spec: { path: `/${name}`, upstream_url: 'http://127.0.0.1:9', ...extra },
});
const consumer = { kind: 'Consumer', tenant: 'acme', name: 'app', spec: {} };
const subscription = { kind: 'Subscription', tenant: 'acme', name: 'app-a', spec: { api: 'a', consumer: 'app' } };

const set = (resources: readonly unknown[], extra: Partial<ApplyRequest> = {}) => ({ project: 'shop', resources, ...extra });
const apply = (resources: readonly unknown[], extra: Partial<ApplyRequest> = {}) => send('POST /v1/apply', set(resources, extra));
const plan = (resources: readonly unknown[], extra: Partial<ApplyRequest> = {}) => send('POST /v1/plan', set(resources, extra));
const actions = (answer: { body: { changes?: Plan['changes']; plan?: Plan } }) =>
  (answer.body.plan ?? answer.body).changes?.map(({ action, kind, name }) => `${action} ${kind} ${name}`);

/** Everything that an apply could have written, as text. */
async function everything(): Promise<string> {
  const { db } = control.cp;
  const tables = [
    'resources',
    'resource_claims',
    'resource_secrets',
    'revisions',
    'revision_changes',
    'projects',
    'subscription_states',
    'api_keys',
    'audit_log',
    'change_log',
  ] as const;
  return JSON.stringify(await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute())));
}

describe('apply', () => {
  it('creates a whole set in one transaction, with audit, history and what gateways follow (CV32 AU5)', async () => {
    const answer = await apply([tenant, api('a'), consumer, subscription]);

    expect([answer.status, answer.body.applied, answer.body.revision]).toEqual([200, true, 1]);
    expect(actions(answer)).toEqual(['create Tenant acme', 'create API a', 'create Consumer app', 'create Subscription app-a']);
    const { db } = control.cp;
    expect(await db.selectFrom('audit_log').select('action').orderBy('id').execute()).toHaveLength(4);
    expect(await db.selectFrom('revision_changes').select('revision').execute()).toHaveLength(4);
    expect((await db.selectFrom('change_log').selectAll().where('topic', '=', 'resource').execute()).map(({ key }) => key)).toContain(
      'API acme/a',
    );
    const state = await db.selectFrom('subscription_states').selectAll().executeTakeFirstOrThrow();
    expect([state.status, state.api, state.consumer]).toEqual(['active', 'a', 'app']);
    expect((await send('GET /v1/resources/API/acme/a')).body).toMatchObject({ managed_by: 'shop', version: 1, lived: {} });
    expect((await send('GET /v1/resources/Subscription/acme/app-a')).body.lived).toMatchObject({ status: 'active', rotation_count: 0 });
  });

  it('writes nothing the second time, by the short cut and without it', async () => {
    await apply([tenant, api('a')]);
    const before = await everything();

    const again = await apply([tenant, api('a')]);
    const otherSpelling = await apply([api('a', { methods: ['PUT', 'POST', 'PATCH', 'OPTIONS', 'HEAD', 'GET', 'DELETE'] }), tenant]);

    expect([again.body.applied, again.body.revision, actions(again)]).toEqual([false, 1, []]);
    expect([otherSpelling.body.applied, actions(otherSpelling)]).toEqual([false, []]);
    expect(again.body.plan.summary).toEqual({ create: 0, update: 0, delete: 0, unchanged: 2 });
    expect(await everything()).toBe(before);
  });

  it('sees what somebody else wrote since, also where the short cut would answer', async () => {
    await apply([tenant, api('a'), api('b')]);
    await apply([tenant, api('a'), api('b')]);
    await send('PATCH /v1/tenants/acme/apis/a', { description: 'by hand' });

    const answer = await plan([tenant, api('a'), api('b')]);

    expect(actions(answer)).toEqual(['update API a']);
    expect(answer.body.changes[0].drift).toMatchObject({ by: 'service-account-control-plane-api', at: expect.stringMatching(/Z$/) });
    expect((await apply([tenant, api('a'), api('b')])).body.applied).toBe(true);
    expect((await send('GET /v1/resources/API/acme/a')).body.drift).toBeUndefined();
    expect(actions(await plan([tenant, api('a'), api('b')]))).toEqual([]);
  });

  it('notices a deletion by hand behind the short cut', async () => {
    await apply([tenant, api('a'), api('b')]);
    await send('DELETE /v1/tenants/acme/apis/b');

    expect(actions(await plan([tenant, api('a'), api('b')]))).toEqual(['create API b']);
  });

  it('prunes what an earlier set had, also after sets that changed nothing', async () => {
    await apply([tenant, api('a')], { prune: true });
    await apply([tenant, api('a')], { prune: true });
    await apply([tenant, api('a'), api('b')]);

    const answer = await apply([tenant, api('a')], { prune: true });

    expect(actions(answer)).toEqual(['delete API b']);
    expect((await send('GET /v1/tenants/acme/apis/b')).status).toBe(404);
  });

  it('reports every finding and changes nothing when one resource is wrong', async () => {
    const before = await everything();

    const answer = await apply([
      tenant,
      api('a', { pth: 1 }),
      api('b', { upstream_url: 'nowhere' }),
      { ...subscription, spec: { api: 'missing' } },
    ]);

    expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error']);
    const fields = JSON.stringify(answer.body.error.details);
    for (const place of ['API acme/a', 'API acme/b', 'Subscription acme/app-a']) expect(fields).toContain(place);
    expect(await everything()).toBe(before);
  });

  it('changes nothing when it fails in the middle', async () => {
    await apply([tenant]);
    await send('POST /v1/tenants/acme/apis', { name: 'holder', path: '/taken', upstream_url: 'http://127.0.0.1:9' });
    const before = await everything();

    const answer = await apply([tenant, api('a'), api('b'), api('c', { path: '/taken' }), subscription, consumer]);

    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
    expect(answer.body.error.message).toBe('API "holder" of tenant "acme" holds path /taken already.');
    expect(await everything()).toBe(before);
  });

  it('lets two resources swap what they claim', async () => {
    await apply([tenant, api('a'), api('b')]);

    const answer = await apply([tenant, api('a', { path: '/b' }), api('b', { path: '/a' })]);

    expect([answer.status, answer.body.applied]).toEqual([200, true]);
  });

  it('refuses content that is not what was planned, told by a digest that no secret can be guessed by', async () => {
    const hook = { kind: 'Webhook', tenant: 'acme', name: 'h', spec: { url: 'https://h.example.com', events: ['*'], secret_ref: 'env:S' } };
    const wanted = [tenant, api('a'), hook];
    const secrets = (value: string) => ({ 'Webhook acme/h': { secret_ref: value } });
    const { changes } = (await plan(wanted, { secrets: secrets('one'), with_digests: true })).body as Plan;
    const expected = changes.map(({ kind, tenant: of, name, action, version, digest = '' }) => ({
      kind,
      tenant: of,
      name,
      action,
      version,
      digest,
    }));
    const before = await everything();

    const otherSecret = await apply(wanted, { secrets: secrets('two'), expect: expected });
    const otherField = await plan([tenant, api('a', { retries: 0 }), hook], { secrets: secrets('one'), expect: expected });
    const more = await plan([...wanted, api('b')], { secrets: secrets('one'), expect: expected });
    const isWritten = (await everything()) !== before;
    const same = await apply(wanted, { secrets: secrets('one'), expect: expected });

    expect(expected.map(({ digest }) => digest)).toEqual(Array(3).fill(expect.stringMatching(/^[0-9a-f]{64}$/)));
    expect(otherSecret.body.error.message).toBe(
      'What Webhook acme/h is to become is not what was planned: a field, a variable or a secret has another value.',
    );
    expect([otherField.status, otherField.body.error.message]).toEqual([409, expect.stringMatching(/^What API acme\/a is to become/)]);
    expect([more.status, more.body.error.message]).toEqual([409, 'API acme/b would be changed now, which was not planned.']);
    expect(isWritten).toBe(false);
    expect([same.status, same.body.applied]).toEqual([200, true]);
    expect((await plan([tenant])).body.changes).toEqual([]);
  });

  it('refuses with who and when, if what was expected has moved', async () => {
    await apply([tenant, api('a'), api('b')]);
    const wanted = [tenant, api('a', { retries: 0 }), api('b')];
    const { changes } = (await plan(wanted)).body as Plan;
    const expect_ = changes.map(({ kind, tenant: of, name, action, version }) => ({ kind, tenant: of, name, action, version }));
    await send('PATCH /v1/tenants/acme/apis/a', { description: 'meanwhile' });
    const before = await everything();

    const answer = await apply(wanted, { expect: expect_ });

    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
    expect(answer.body.error.message).toMatch(
      /^API acme\/a has changed since the plan was made: service-account-control-plane-api wrote it at \d{4}-/,
    );
    expect(await everything()).toBe(before);
  });

  it('applies an expected plan although other resources moved', async () => {
    await apply([tenant, api('a')]);
    const wanted = [tenant, api('a', { retries: 0 })];
    const { changes } = (await plan(wanted)).body as Plan;
    await send('POST /v1/tenants', { name: 'other' });

    const answer = await apply(wanted, {
      expect: changes.map(({ kind, tenant: of, name, action, version }) => ({ kind, tenant: of, name, action, version })),
    });

    expect([answer.status, answer.body.applied]).toEqual([200, true]);
  });

  it('takes over what was made by hand, and refuses what another project owns', async () => {
    await send('POST /v1/tenants', { name: 'acme', tier: 'starter' });

    const adopted = await apply([tenant]);
    const foreign = await send('POST /v1/apply', { project: 'other', resources: [tenant] });
    const taken = await send('POST /v1/apply', { project: 'other', resources: [tenant], take_ownership: true });

    expect(adopted.body.plan.changes[0].adopted).toBe(true);
    expect([foreign.status, foreign.body.error.code]).toEqual([409, 'conflict']);
    expect(taken.body.plan.changes[0].taken_from).toBe('shop');
    expect((await send('GET /v1/tenants/acme')).body.managed_by).toBe('other');
  });

  it('prunes for the platform what a token of one tenant, with the same set, could not see', async () => {
    await apply([tenant, api('a'), { ...tenant, tenant: 'globex', name: 'globex' }, { ...api('b'), tenant: 'globex' }]);
    const own = set([tenant, api('a'), api('c')], { prune: true });
    const limited = await send('POST /v1/apply', own, { token: await control.tokenFor('tenant:acme') });

    const answer = await send('POST /v1/plan', own);

    expect(actions(limited)).toEqual(['create API c']);
    expect(actions(answer)).toEqual(['delete Tenant globex', 'delete API b']);
  });

  it('never deletes without prune, and never prunes an empty set', async () => {
    await apply([tenant, api('a')]);

    const without = await apply([tenant]);
    const empty = await apply([], { prune: true });

    expect(without.body.plan.changes).toEqual([]);
    expect([empty.status, empty.body.error.code]).toEqual([409, 'guard_refused']);
    expect((await send('GET /v1/tenants/acme/apis')).body.total).toBe(1);
  });

  it('deletes by name with everything that cannot live without it, and lists that first', async () => {
    await apply([tenant, api('a'), consumer, subscription]);
    const keys = { delete: [{ kind: 'API', tenant: 'acme', name: 'a' }] };

    const planned = await plan([], keys);
    const answer = await apply([], keys);

    expect(planned.body.changes[0].dependents).toEqual(['Subscription acme/app-a']);
    expect(answer.status).toBe(200);
    const { resources } = (await send('GET /v1/resources?tenant=acme')).body as { resources: { kind: string }[] };
    expect(resources.map(({ kind }) => kind)).toEqual(['Consumer', 'Tenant']);
    expect(await control.cp.db.selectFrom('subscription_states').selectAll().execute()).toEqual([]);
  });

  it('refuses a delete that would take along more than was shown', async () => {
    await apply([tenant, api('a'), consumer]);
    const keys = { delete: [{ kind: 'API', tenant: 'acme', name: 'a' }] };
    const [shown] = (await plan([], keys)).body.changes;
    await apply([tenant, api('a'), consumer, subscription]);
    const { kind, name, action, version } = shown;
    const expected = { kind, tenant: 'acme', name, action, version, dependents: shown.dependents ?? [] };

    const refused = await apply([], { ...keys, expect: [expected] });
    const accepted = await apply([], { ...keys, expect: [{ ...expected, dependents: ['Subscription acme/app-a'] }] });

    expect([refused.status, refused.body.error.message]).toEqual([409, expect.stringContaining('Subscription acme/app-a')]);
    expect(accepted.status).toBe(200);
  });

  it('does not take along what another project owns', async () => {
    await apply([tenant, api('a')]);
    await send('POST /v1/apply', { project: 'clients', resources: [consumer, subscription] });

    const answer = await apply([], { delete: [{ kind: 'API', tenant: 'acme', name: 'a' }] });

    expect([answer.status, answer.body.error.message]).toEqual([409, expect.stringContaining('belongs to project "clients"')]);
  });

  it('seals secrets, sees when they change, and writes them nowhere', async () => {
    const hook = { kind: 'Webhook', tenant: 'acme', name: 'hook', spec: { url: 'https://x.example', events: ['*'], secret_ref: 'env:S' } };
    const secrets = (value: string) => ({ secrets: { 'Webhook acme/hook': { secret_ref: value } } });
    await apply([tenant, hook], secrets('canary-one'));

    const same = await plan([tenant, hook], secrets('canary-one'));
    const changed = await plan([tenant, hook], secrets('canary-two'));
    await apply([tenant, hook], secrets('canary-two'));

    expect([actions(same), actions(changed)]).toEqual([[], ['update Webhook hook']]);
    const { ciphertext } = await control.cp.db.selectFrom('resource_secrets').select('ciphertext').executeTakeFirstOrThrow();
    expect(control.cp.vault.open(ciphertext)).toBe('canary-two');
    expect([await everything(), changed.text, control.logLines.join('')].join('')).not.toContain('canary');
    expect((await send('GET /v1/resources/Webhook/acme/hook')).body.secretDigests).toBeUndefined();
  });

  it('keeps commit and CI run beside the revision', async () => {
    await apply([tenant], { source: { commit: 'abc123', ci_run: 'https://ci.example/7' } });

    const row = await control.cp.db.selectFrom('revisions').selectAll().executeTakeFirstOrThrow();

    expect(row).toMatchObject({
      project: 'shop',
      actor: 'service-account-control-plane-api',
      source: '{"commit":"abc123","ci_run":"https://ci.example/7"}',
    });
  });

  it('keeps sets of several projects apart under concurrency: every change lands once', async () => {
    await apply([tenant]);
    const project = (index: number) => send('POST /v1/apply', { project: `p${index}`, resources: [api(`x${index}`), api(`y${index}`)] });

    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => project(index)));

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
    expect(new Set(answers.map(({ body }) => body.revision as number)).size).toBe(12);
    expect((await send('GET /v1/tenants/acme/apis?limit=100')).body.total).toBe(24);
  });

  it('creates 10 000 resources in one request, and answers the same set again without planning', async () => {
    const many = [tenant, ...Array.from({ length: 9999 }, (_, index) => api(`api-${index}`))];
    const body = gzipSync(JSON.stringify(set(many)));
    const headers = { 'content-encoding': 'gzip' };

    const first = await send('POST /v1/apply', body, { headers });
    const second = await send('POST /v1/apply', body, { headers });

    expect([first.status, first.body.plan.summary.create, second.body.applied]).toEqual([200, 10_000, false]);
  });
});

describe('a plan shows what would stop its apply', () => {
  const gold = { kind: 'Plan', tenant: 'acme', name: 'gold', spec: {} };
  const refusals = (answer: { body: Plan }) => answer.body.refusals.map(({ code, resource }) => [code, resource]);

  it('a route that a resource outside of the set holds', async () => {
    await apply([tenant]);
    await send('POST /v1/tenants/acme/apis', { name: 'hand', ...api('hand').spec });
    const wanted = [tenant, api('new', { path: '/hand' })];

    expect(refusals(await plan(wanted))).toEqual([['conflict', 'API acme/hand']]);
    expect((await apply(wanted)).body.error.message).toBe('API "hand" of tenant "acme" holds path /hand already.');
  });

  it('a plan of subscriptions that is in use', async () => {
    await apply([tenant, api('a'), gold]);
    await send('POST /v1/subscriptions', { tenant_id: 'acme', api_id: 'a', plan: 'gold' });

    expect(refusals(await plan([tenant, api('a')], { prune: true }))).toEqual([['conflict', undefined]]);
    expect((await apply([tenant, api('a')], { prune: true })).status).toBe(409);
  });

  it('a dependent of another project, until it is taken over', async () => {
    await apply([tenant, api('a'), consumer]);
    await apply([subscription], { project: 'other' });

    expect(refusals(await plan([tenant], { prune: true }))).toEqual([['conflict', 'Subscription acme/app-a']]);
    expect(refusals(await plan([tenant], { prune: true, take_ownership: true }))).toEqual([]);
  });

  it('a protected dependent that would go with what is deleted', async () => {
    await apply([tenant, api('a'), consumer, { ...subscription, annotations: { 'stoa/protected': 'true' } }]);
    const gone = { delete: [{ kind: 'API', tenant: 'acme', name: 'a' }] };

    expect(refusals(await plan([], gone))).toEqual([['guard_refused', 'Subscription acme/app-a']]);
    expect((await apply([], gone)).body.error.code).toBe('guard_refused');
    expect((await send('GET /v1/resources/Subscription/acme/app-a')).status).toBe(200);
  });
});

it('keeps a secret that is there when a set is applied without its value', async () => {
  const hook = (enabled: boolean) => ({
    kind: 'Webhook',
    tenant: 'acme',
    name: 'hook',
    spec: { url: 'https://hooks.example.com', events: ['*'], secret_ref: 'env:SECRET', enabled },
  });
  const secrets = { 'Webhook acme/hook': { secret_ref: 'whsec_one_two' } };
  await apply([tenant, hook(true)], { secrets });

  await apply([tenant, hook(false)]);

  expect((await send('GET /v1/tenants/acme/webhooks/hook')).body.has_secret).toBe(true);
  expect(actions(await plan([tenant, hook(false)], { secrets }))).toEqual([]);
});
