/** Consumers over HTTP (rows CN1 to CN6): two addresses, one handler (decision K11). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { keysOfConsumers } from '../api-keys/consumers.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { ConsumerSpec } from '../../../schema/kinds/consumer.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer, type Page } from '../http/page.js';
import { parse } from '../http/parse.js';
import { bodyOf, changeResource, patchSpec, removeResource, requireResource } from '../resources/rest.js';
import { countResources, listResources, resourcesByKey } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';
import { createConsumer } from './service.js';
import { findConsumerNames } from './store.js';

const tenantParams = z.object({ tenant: z.string() });
const consumerParams = z.object({ tenant: z.string(), consumer: z.string() });
const consumersQuery = listQuery.extend({ email: z.string().max(320).optional(), external_id: z.string().max(255).optional() });

/** Routes of consumers, mounted below `/v1`. */
export const consumerRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  for (const url of ['/consumers/:tenant', '/tenants/:tenant/consumers']) {
    app.post(url, async ({ actor, params, body }, reply) => {
      const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
      requireRight(actor, 'write');
      const consumer = await createConsumer(cp, actor, tenant.name, bodyOf(body));
      return reply
        .code(201)
        .header('etag', etagOf(consumer))
        .send((await viewConsumers(cp, [consumer]))[0]);
    });
    app.get(url, (request) => list(cp, request));
  }
  for (const url of ['/consumers/:tenant/:consumer', '/tenants/:tenant/consumers/:consumer']) {
    app.get(url, async (request, reply) => {
      const consumer = await consumerOf(cp, request, 'read');
      return reply.header('etag', etagOf(consumer)).send((await viewConsumers(cp, [consumer]))[0]);
    });
    app.route({
      method: ['PATCH', 'PUT'],
      url,
      handler: async (request, reply) => {
        const consumer = await consumerOf(cp, request, 'write');
        const { name, ...patch } = bodyOf(request.body);
        const wanted: JsonObject = name === undefined || name === consumer.name ? patch : { ...patch, display_name: name };
        const change = (spec: JsonObject) => patchSpec({ name: consumer.name, spec }, wanted);
        const changed = await changeResource(cp, request.actor, consumer, change, { expectVersion: expectedVersion(request, consumer) });
        return reply.header('etag', etagOf(changed)).send((await viewConsumers(cp, [changed]))[0]);
      },
    });
    app.delete(url, async (request, reply) => {
      const consumer = await consumerOf(cp, request, 'write');
      await removeResource(cp, request.actor, consumer, expectedVersion(request, consumer));
      return reply.code(204).send();
    });
  }
  return Promise.resolve();
};

async function list(cp: ControlPlane, { actor, params, query }: FastifyRequest): Promise<Record<string, unknown>> {
  requireRight(actor, 'read');
  const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  const { email, external_id, ...page } = parse(consumersQuery, query);
  const isFiltered = email !== undefined || external_id !== undefined;
  const names = isFiltered ? await findConsumerNames(cp.db, tenant.name, { email, external_id }) : undefined;
  const { rows, total } = names === undefined ? await pageOf(cp, tenant.name, page) : await pageOfNames(cp, tenant.name, names, page);
  return pageAnswer('consumers', await viewConsumers(cp, rows), total, page);
}

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

async function consumerOf(cp: ControlPlane, { actor, params }: FastifyRequest, right: Right): Promise<StoredResource> {
  const wanted = parse(consumerParams, params);
  const tenant = await requireTenant(cp.db, actor, wanted.tenant);
  const consumer = await requireResource(cp.db, 'Consumer', tenant.name, wanted.consumer);
  requireRight(actor, right);
  return consumer;
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
