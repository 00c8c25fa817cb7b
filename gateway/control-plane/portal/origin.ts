/** Whether a request that changes something comes from a page of ours: the second wall against forged requests, beside cookies that are `SameSite=Strict`. */
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane } from '../context.js';

/**
 * Throws `forbidden` for a request from another site, for one that does not say where it comes from, and for a page under a name that is not ours: every
 * browser sends `Origin` with what is no GET (Fetch, section 3.2). A proxy may change `Host`; then the address that others have of this server counts.
 */
export function requireOwnPage({ publicUrl }: ControlPlane, { headers }: FastifyRequest): void {
  const { origin = '', host, 'sec-fetch-site': site } = headers;
  const page = URL.canParse(origin) ? new URL(origin) : undefined;
  const own = new URL(publicUrl);
  const isHere = site === undefined ? [host, own.host].includes(page?.host) : site === 'same-origin';
  if (page === undefined || !isHere)
    throw new StoaError('forbidden', 'The request does not come from a page of the portal.', { hint: 'Open the portal and try again.' });
  if (page.protocol === 'https:' || isOwnName(page.hostname, own.hostname)) return;
  throw new StoaError('forbidden', `The portal does not know itself as ${page.host}.`, {
    hint: 'Open it by https: whoever runs it puts a proxy that ends TLS before it, and names the https address in --public-url.',
  });
}

/** A name of somebody else that leads here is the tool of DNS rebinding; an address of IP cannot be one, nor can localhost, nor a name with a certificate. */
const isOwnName = (name: string, own: string): boolean =>
  name === own || /^(.+\.)?localhost\.?$/.test(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
