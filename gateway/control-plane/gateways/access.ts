/** Who may act for a gateway. */
import { StoaError } from '../../../schema/error.js';
import { requireRight } from '../auth/roles.js';
import type { Actor } from '../context.js';

/** The stream and the reports hold every tenant: a token that is limited to one may not use them, whatever its role. */
export function requireGateway(actor: Actor): void {
  requireRight(actor, 'sync');
  if (actor.tenant !== undefined)
    throw new StoaError('forbidden', undefined, { hint: 'A token that is limited to a tenant cannot act for a gateway.' });
}
