/** What the owner of a portal does over the API: let a consumer in again. */
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import { instant } from '../http/answers.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { isSuspended, portalUrl, requirePortal } from './access.js';
import { renewSignIn } from './accounts.js';

const createSignInLink = tenantEndpoint({
  id: 'createSignInLink',
  method: 'POST',
  urls: ['/tenants/:tenant/consumers/:consumer/sign-in-link', '/consumers/:tenant/:consumer/sign-in-link'],
  tag: 'Consumers',
  summary: 'Make the link by which a consumer signs in at the portal; the one before ends, and whoever is signed in by it is signed out',
  right: 'operate',
  params: z.object({ consumer: z.string().describe('Id or name of the consumer.') }),
  status: 201,
  answer: z.strictObject({
    sign_in_url: z
      .string()
      .describe('The link, shown once: whoever has it is the consumer. The part behind "#" reaches no server by itself.'),
    expires_at: instant('When it ends.'),
  }),
  errors: ['not_found', 'conflict'],
  async handle(cp, { actor, tenant, params, reply }) {
    if (!cp.hasPortal) throw new StoaError('conflict', 'This control plane has no portal.', { hint: 'Start it with --portal.' });
    await requirePortal(cp.db, tenant.name);
    if (await isSuspended(cp.db, tenant))
      throw new StoaError('conflict', `Tenant ${tenant.name} is suspended, and its portal closed.`, { hint: 'Resume the tenant first.' });
    const { secret, expires_at } = await renewSignIn(cp, actor, tenant.name, params.consumer);
    void reply.header('cache-control', 'no-store');
    return { sign_in_url: `${portalUrl(cp, tenant.name)}#${secret}`, expires_at };
  },
});

export const portalEndpoints: readonly Endpoint[] = [createSignInLink];
