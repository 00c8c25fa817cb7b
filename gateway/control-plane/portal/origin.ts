/** Whether a request that changes something comes from a page of ours: the second wall against forged requests, beside cookies that are `SameSite=Strict`. */
import type { FastifyRequest } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane } from '../context.js';

/**
 * Throws `forbidden` for a request from another site, and for one that does not say where it comes from: every browser sends `Origin` with what is no GET
 * (Fetch, section 3.2). A proxy may change `Host`; then the address that others have of this server counts.
 */
export function requireOwnPage({ publicUrl }: ControlPlane, { headers }: FastifyRequest): void {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && URL.canParse(origin)) {
    const isOwn = site === undefined ? [host, new URL(publicUrl).host].includes(new URL(origin).host) : site === 'same-origin';
    if (isOwn) return;
  }
  throw new StoaError('forbidden', 'The request does not come from a page of the portal.', { hint: 'Open the portal and try again.' });
}
