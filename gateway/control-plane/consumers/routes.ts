/** Consumers over HTTP (rows CN1 to CN6): two addresses, one handler (decision K11). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { consumer, type ConsumerSpec } from '../../../schema/kinds/consumer.js';
import { keysOfConsumers } from '../api-keys/consumers.js';
import type { ControlPlane } from '../context.js';
import { resourceAnswer, resourceBody } from '../http/answers.js';
import { jsonObject } from '../http/body.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { listQuery, offsetOf, pageAnswer, type Page } from '../http/page.js';
import { answerWith, changeOperation, getOperation, listOperation, removeOperation, type RestKind } from '../resources/kind-endpoints.js';
import { countResources, listResources, resourcesByKey } from '../resources/store.js';
import { createConsumer } from './service.js';
import { findConsumerNames } from './store.js';

const tag = 'Consumers';
const urls = ['/consumers/:tenant', '/tenants/:tenant/consumers'];

const documentA = {
  external_id: 'user-1767952200',
  name: 'user-12345',
  email: 'user@example.com',
  consumer_metadata: { user_id: '12345', plan: 'starter' },
};

const consumers: RestKind = {
  definition: consumer,
  tag,
  urls,
  answer: resourceAnswer(
    consumer,
    {
      name: z.string().describe('Name for people.'),
      resource_name: z.string().describe('Name in manifests, unique in the tenant.'),
      tenant_id: z.string().describe('Name of the tenant.'),
      external_id: z.string().describe('Your own id of the consumer, or its name where you gave none.'),
      email: z.string().nullable().describe('Whom to write to.'),
      status: z.enum(['active']).describe('A consumer is active as long as it exists.'),
      api_key: z.string().nullable().describe('The newest active key, masked: a key is shown once, when it is made.'),
      api_key_prefix: z.string().nullable().describe('Its first twelve characters.'),
      api_ids: z.array(z.string()).describe('Ids of the APIs that its active subscriptions open.'),
    },
    ['display_name'],
  ),
  bodyFields: {
    name: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Name for people; the name in manifests is made from it. May be left out with external_id.'),
  },
  examples: {
    answer: {
      id: 'con-4f1d2c',
      ...documentA,
      resource_name: 'user-12345',
      tenant_id: 'acme',
      status: 'active',
      api_key: 'stoa_sk_e7f8…',
      api_key_prefix: 'stoa_sk_e7f8',
      api_ids: ['api-xyz789'],
      managed_by: null,
      created_at: '2026-01-09T10:30:00Z',
      updated_at: '2026-01-09T10:30:00Z',
    },
  },
  view: viewConsumers,
  patch: (_cp, _actor, { name: known }, { name, ...patch }) =>
    Promise.resolve(name === undefined || name === known ? patch : { ...patch, display_name: name }),
};

const create = tenantEndpoint({
  id: 'createConsumer',
  method: 'POST',
  urls,
  tag,
  summary: 'Create a consumer',
  right: 'write',
  body: jsonObject,
  documentedBody: resourceBody(consumer, consumers.bodyFields),
  status: 201,
  answer: consumers.answer,
  errors: ['conflict'],
  examples: { body: documentA, answer: consumers.examples?.answer },
  handle: async (cp, { actor, tenant, body, reply }) =>
    answerWith(cp, consumers, reply, await createConsumer(cp, actor, tenant.name, body)),
});

const list = tenantEndpoint({
  ...listOperation(consumers),
  method: 'GET',
  query: listQuery.extend({
    email: z.string().max(320).optional().describe('Exactly this address.'),
    external_id: z.string().max(255).optional().describe('Exactly this id.'),
  }),
  async handle(cp, { tenant, query }) {
    const { email, external_id, ...page } = query;
    const isFiltered = email !== undefined || external_id !== undefined;
    const names = isFiltered ? await findConsumerNames(cp.db, tenant.name, { email, external_id }) : undefined;
    const { rows, total } = names === undefined ? await pageOf(cp, tenant.name, page) : await pageOfNames(cp, tenant.name, names, page);
    return pageAnswer('consumers', await viewConsumers(cp, rows), total, page);
  },
});

export const consumerEndpoints: readonly Endpoint[] = [
  create,
  list,
  getOperation(consumers),
  changeOperation(consumers),
  removeOperation(consumers),
];

interface Found {
  readonly rows: readonly StoredResource[];
  readonly total: number;
}

async function pageOf({ db }: ControlPlane, tenant: string, page: Page): Promise<Found> {
  const filter = { kind: 'Consumer', tenant };
  return { rows: await listResources(db, filter, offsetOf(page), page.limit), total: await countResources(db, filter) };
}

async function pageOfNames({ db }: ControlPlane, tenant: string, names: readonly string[], page: Page): Promise<Found> {
  const wanted = names.slice(offsetOf(page), offsetOf(page) + page.limit);
  const rows = await resourcesByKey(
    db,
    wanted.map((name) => ({ kind: 'Consumer', tenant, name })),
  );
  return { rows: rows.sort((a, b) => (a.name < b.name ? -1 : 1)), total: names.length };
}

async function viewConsumers(cp: ControlPlane, consumers: readonly StoredResource[]): Promise<Record<string, unknown>[]> {
  const keys = await keysOfConsumers(
    cp.db,
    consumers.map(({ id }) => id),
    cp.now(),
  );
  return consumers.map(({ id, tenant, name, spec, managed_by, created_at, updated_at }) => {
    const { display_name, external_id, email, consumer_metadata } = spec as unknown as ConsumerSpec;
    const who = { id, external_id: external_id ?? name, name: display_name ?? name, resource_name: name, email: email ?? null };
    return { ...who, tenant_id: tenant, status: 'active', consumer_metadata, ...keys.get(id), managed_by, created_at, updated_at };
  });
}
