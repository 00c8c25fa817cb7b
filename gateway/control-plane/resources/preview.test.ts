import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PlannedObjects } from '../../../schema/impact.js';
import { resourcePage } from '../gateways/store.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';

let control: TestControlPlane;
beforeEach(async () => {
  control = await openControlPlane();
});
afterEach(() => control.close());

const api = (name: string, spec: Record<string, unknown> = {}) => ({
  kind: 'API',
  tenant: 'acme',
  name,
  spec: { path: `/${name}`, upstream_url: 'http://127.0.0.1:9', ...spec },
});
const BASE = [
  { kind: 'Tenant', tenant: 'acme', name: 'acme', spec: {} },
  { kind: 'Consumer', tenant: 'acme', name: 'app', spec: {} },
];
const subscription = (name: string, to: string) => ({
  kind: 'Subscription',
  tenant: 'acme',
  name,
  spec: { api: to, consumer: 'app' },
});

const preview = async (resources: readonly unknown[], extra: object = {}) =>
  control.send('POST /v1/plan/objects', { project: 'shop', resources, ...extra });

it('shows what gateways hold and what an apply would change of it, with the keys that it would end, and writes nothing', async () => {
  await control.send('POST /v1/apply', { project: 'shop', resources: [...BASE, api('a'), api('b'), subscription('app-b', 'b')] });
  const [{ id }] = (await control.send('GET /v1/tenants/acme/subscriptions')).body.items;
  const key = (await control.send('POST /v1/tenants/acme/apikeys', { subscription_id: id, name: 'k' })).body;
  const before = (await control.send('GET /v1/audit')).body;

  const answer = await preview([...BASE, api('a', { rate_limit: { requests_per_minute: 5 } }), api('c'), subscription('app-c', 'c')], {
    prune: true,
  });

  expect(answer.status).toBe(200);
  const { current, put, remove } = answer.body as PlannedObjects;
  const names = (objects: readonly { readonly name: string }[]) => objects.map(({ name }) => name).sort();
  expect(names(current.resources)).toEqual(['a', 'acme', 'app', 'b']);
  expect(current.credentials).toEqual([expect.objectContaining({ id: key.id, subscription: id, status: 'active' })]);
  expect(names(put.resources)).toEqual(['a', 'c']);
  expect(put.subscriptions).toEqual([expect.objectContaining({ name: 'app-c', status: 'active' })]);
  expect(put.credentials).toEqual([expect.objectContaining({ id: key.id, status: 'revoked' })]);
  expect(remove).toEqual({ resources: ['API acme/b'], subscriptions: [id], credentials: [] });
  const text = JSON.stringify(answer.body);
  expect([key.api_key, 'digest'].filter((secret) => text.includes(secret))).toEqual([]);
  expect((await control.send('GET /v1/audit')).body).toEqual(before);
  expect((await control.send('GET /v1/resources/API/acme/b')).status).toBe(200);
});

it('reads of one tenant alone for who belongs to it, with keys that ended weeks ago', async () => {
  const other = [
    { kind: 'Tenant', tenant: 'other', name: 'other', spec: {} },
    { ...api('theirs'), tenant: 'other' },
  ];
  await control.send('POST /v1/apply', { project: 'shop', resources: [...BASE, api('a'), subscription('app-a', 'a')] });
  await control.send('POST /v1/apply', { project: 'theirs', resources: other });
  const [{ id }] = (await control.send('GET /v1/tenants/acme/subscriptions')).body.items;
  const key = (await control.send('POST /v1/tenants/acme/apikeys', { subscription_id: id, name: 'k' })).body;
  await control.cp.db
    .updateTable('api_keys')
    .set({ status: 'revoked', not_after: daysAgo(20) })
    .where('id', '=', key.id)
    .execute();

  const pages = await resourcePage(control.cp.db, '', 'acme');
  const { body } = await preview([...BASE, api('a', { rate_limit: { requests_per_minute: 5 } }), subscription('app-a', 'a')]);

  expect(pages.sent.map(([name]) => name).sort()).toEqual(['API acme/a', 'Consumer acme/app', 'Tenant acme']);
  expect((body as PlannedObjects).current.credentials).toEqual([expect.objectContaining({ id: key.id, status: 'revoked' })]);
});

const daysAgo = (days: number): string => new Date(control.cp.now() - days * 86_400_000).toISOString();

it('refuses what an apply refuses: a guard, and changes that are not those that were shown', async () => {
  await control.send('POST /v1/apply', { project: 'shop', resources: [...BASE, api('a')] });

  const guarded = await preview(BASE, { prune: true, max_deletes: '0' });
  const moved = await preview([...BASE, api('a')], {
    expect: [{ kind: 'API', tenant: 'acme', name: 'a', action: 'update', version: 1 }],
  });

  expect([guarded.status, guarded.body.error.code]).toEqual([409, 'guard_refused']);
  expect([moved.status, moved.body.error.code]).toEqual([409, 'conflict']);
});
