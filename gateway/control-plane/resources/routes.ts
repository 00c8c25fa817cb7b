/** Declared state of every kind over HTTP: what `stoactl` reads, plans and applies. */
import * as z from 'zod';
import type { ShownResource, StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane } from '../context.js';
import { pageOf } from '../http/answers.js';
import { endpoint, tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { etagOf } from '../http/etag.js';
import { acceptGzip, MAX_SET_BYTES } from '../http/gzip.js';
import { offsetOf, pageAnswer } from '../http/page.js';
import { queryInteger } from '../http/parse.js';
import { livedStateOf } from '../lived.js';
import { requireTenant } from '../tenants/access.js';
import { applyAnswer, planAnswer, plannedObjectsAnswer, storedResource } from './answers.js';
import { applyRequest, planRequest, previewRequest } from './apply.js';
import { applyBody, planBody } from './requests.js';
import { countResources, findResource, listResources } from './store.js';

const tag = 'Declared state';
const large = { bodyLimit: MAX_SET_BYTES, preParsing: acceptGzip };
const word = (about: string) => z.string().min(1).max(200).optional().describe(about);

const documentedSet = {
  project: 'shop',
  resources: [
    { kind: 'Tenant', tenant: 'acme', name: 'acme', spec: { tier: 'starter' } },
    { kind: 'API', tenant: 'acme', name: 'payments', spec: { path: '/payments', upstream_url: 'https://payments.example.com' } },
  ],
};

const planSet = endpoint({
  id: 'planResources',
  method: 'POST',
  urls: ['/plan'],
  tag,
  summary: 'Show what an apply would change',
  right: 'read',
  body: planBody,
  status: 200,
  answer: planAnswer,
  errors: ['payload_too_large'],
  examples: { body: documentedSet },
  route: large,
  handle: (cp, { actor, body }) => planRequest(cp, actor, body),
});

const previewSet = endpoint({
  id: 'previewObjects',
  method: 'POST',
  urls: ['/plan/objects'],
  tag,
  summary: 'Show what gateways hold, and what an apply would change of it',
  right: 'read',
  body: planBody,
  status: 200,
  answer: plannedObjectsAnswer,
  errors: ['conflict', 'guard_refused', 'payload_too_large'],
  examples: { body: documentedSet },
  route: large,
  handle: (cp, { actor, body }) => previewRequest(cp, actor, body),
});

const applySet = endpoint({
  id: 'applyResources',
  method: 'POST',
  urls: ['/apply'],
  tag,
  summary: 'Make the declared state what the set says, all of it or nothing',
  right: 'write',
  body: applyBody,
  status: 200,
  answer: applyAnswer,
  errors: ['conflict', 'guard_refused', 'payload_too_large'],
  examples: { body: { ...documentedSet, prune: true, source: { commit: '9f2c1e7' } } },
  route: large,
  handle: (cp, { actor, body }) => applyRequest(cp, actor, body),
});

const listAll = endpoint({
  id: 'listResources',
  method: 'GET',
  urls: ['/resources'],
  tag,
  summary: 'List resources of any kind',
  right: 'read',
  query: z.strictObject({
    kind: word('Kind or plural: API, apis.'),
    tenant: word('Id or name of the tenant.'),
    name: word('Exactly this name.'),
    project: word('Project that owns them.'),
    settled: z.literal('true').optional().describe('Only configuration: without those who came by the portal and were approved nowhere.'),
    page: queryInteger(1, 1_000_000).default(1).describe('Number of the page, from 1.'),
    limit: queryInteger(1, 1000).default(100).describe('How many items a page holds.'),
  }),
  status: 200,
  answer: pageOf('resources', storedResource),
  errors: ['not_found'],
  async handle(cp, { actor, query: { page, limit, settled, ...filter } }) {
    const tenant = filter.tenant === undefined ? actor.tenant : (await requireTenant(cp.db, actor, filter.tenant)).name;
    const visible = { ...filter, tenant, kind: kindName(cp, filter.kind), isSettled: settled === 'true' };
    const resources = (await listResources(cp.db, visible, offsetOf({ page, limit }), limit)).map(publicForm);
    return pageAnswer('resources', resources, await countResources(cp.db, visible), { page, limit });
  },
});

const getOne = tenantEndpoint({
  id: 'getResource',
  method: 'GET',
  urls: ['/resources/:kind/:tenant/:name'],
  tag,
  summary: 'Get a resource of any kind, and what lives beside it',
  right: 'read',
  params: z.object({
    kind: z.string().describe('Kind or plural: API, apis.'),
    name: z.string().describe('Id or name of the resource.'),
  }),
  status: 200,
  answer: storedResource.extend({
    lived: z
      .record(z.string(), z.unknown())
      .describe('Lived state of a subscription or consumer as its own address answers it; empty otherwise.'),
  }),
  async handle(cp, { tenant, params, reply }) {
    const kind = kindName(cp, params.kind) ?? params.kind;
    const resource = await findResource(cp.db, kind, tenant.name, params.name);
    if (resource === undefined) throw new StoaError('not_found', `${kind} "${params.name}" does not exist in tenant "${tenant.name}".`);
    void reply.header('etag', etagOf(resource));
    return { ...publicForm(resource), lived: await livedStateOf(cp, resource) };
  },
});

export const resourceEndpoints: readonly Endpoint[] = [planSet, previewSet, applySet, listAll, getOne];

/** A kind by its name or plural, whatever the case. A word that names no kind stays as it is and finds nothing. */
function kindName({ catalog }: ControlPlane, word: string | undefined): string | undefined {
  const wanted = word?.toLowerCase();
  return catalog.kinds.find(({ kind, plural }) => kind.toLowerCase() === wanted || plural === wanted)?.kind ?? word;
}

/** Digests of secrets stay here: who holds a secret could guess with them. */
function publicForm({ secretDigests = {}, ...resource }: StoredResource): ShownResource {
  const held = Object.keys(secretDigests).filter((field) => !(field in resource.spec));
  return held.length === 0 ? resource : { ...resource, secret_fields: held };
}
