/** Declared state of every kind over HTTP: what `stoactl` reads, plans and applies. */
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { requireRight } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf } from '../http/etag.js';
import { offsetOf, pageAnswer } from '../http/page.js';
import { parse, queryInteger } from '../http/parse.js';
import { acceptGzip, MAX_SET_BYTES } from '../http/gzip.js';
import { livedStateOf } from '../lived.js';
import { requireTenant } from '../tenants/access.js';
import { applyRequest, planRequest } from './apply.js';
import { applyBody, planBody } from './requests.js';
import { countResources, findResource, listResources } from './store.js';

const word = z.string().min(1).max(200).optional();

const resourcesQuery = z.strictObject({
  kind: word,
  tenant: word,
  name: word,
  project: word,
  page: queryInteger(1, 1_000_000).default(1),
  limit: queryInteger(1, 1000).default(100),
});

const resourceParams = z.object({ kind: z.string(), tenant: z.string(), name: z.string() });

/** Routes of declared state, mounted below `/v1`. */
export const resourceRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  const large = { bodyLimit: MAX_SET_BYTES, preParsing: acceptGzip };

  app.post('/plan', large, async ({ actor, body }) => {
    requireRight(actor, 'read');
    return planRequest(cp, actor, parse(planBody, body));
  });
  app.post('/apply', large, async ({ actor, body }) => {
    requireRight(actor, 'write');
    return applyRequest(cp, actor, parse(applyBody, body));
  });

  app.get('/resources', async ({ actor, query }) => {
    requireRight(actor, 'read');
    const { page, limit, ...filter } = parse(resourcesQuery, query);
    const tenant = filter.tenant === undefined ? actor.tenant : (await requireTenant(cp.db, actor, filter.tenant)).name;
    const visible = { ...filter, tenant, kind: kindName(cp, filter.kind) };
    const resources = (await listResources(cp.db, visible, offsetOf({ page, limit }), limit)).map(publicForm);
    return pageAnswer('resources', resources, await countResources(cp.db, visible), { page, limit });
  });

  app.get('/resources/:kind/:tenant/:name', async ({ actor, params }, reply) => {
    requireRight(actor, 'read');
    const wanted = parse(resourceParams, params);
    const tenant = await requireTenant(cp.db, actor, wanted.tenant);
    const kind = kindName(cp, wanted.kind) ?? wanted.kind;
    const resource = await findResource(cp.db, kind, tenant.name, wanted.name);
    if (resource === undefined) throw new StoaError('not_found', `${kind} "${wanted.name}" does not exist in tenant "${tenant.name}".`);
    void reply.header('etag', etagOf(resource));
    return { ...publicForm(resource), lived: await livedStateOf(cp, resource) };
  });
  return Promise.resolve();
};

/** A kind by its name or plural, whatever the case. A word that names no kind stays as it is and finds nothing. */
function kindName({ catalog }: ControlPlane, word: string | undefined): string | undefined {
  const wanted = word?.toLowerCase();
  return catalog.kinds.find(({ kind, plural }) => kind.toLowerCase() === wanted || plural === wanted)?.kind ?? word;
}

/** Digests of secrets stay here: who holds a secret could guess with them. */
function publicForm({ secretDigests: _digests, ...resource }: StoredResource): StoredResource {
  return resource;
}
