/** The cookie of whoever is signed in at a portal. No script can read it, no other site can send it, and it goes to the portal of its tenant alone. */
import type { FastifyReply, FastifyRequest } from 'fastify';

const NAME = 'stoa_portal';
/** The form of a secret. */
export const SECRET = /^[A-Za-z0-9_-]{43}$/;
const COOKIE = new RegExp(`(?:^|;\\s*)${NAME}=([A-Za-z0-9_-]{43})\\s*(?:;|$)`);

/** The secret that a request brings. */
export const secretOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined => COOKIE.exec(headers.cookie ?? '')?.[1];

/** Signs a browser in for so many seconds; with 0, out. `Secure` where its page came over TLS, whatever ends that before this server. */
export function setCookie(request: FastifyRequest, reply: FastifyReply, tenant: string, secret: string, seconds: number): void {
  const isSecure = request.headers.origin?.startsWith('https:') === true;
  const parts = [`${NAME}=${secret}`, `Path=/portal/${tenant}`, `Max-Age=${seconds}`, 'HttpOnly', 'SameSite=Strict'];
  void reply.header('set-cookie', [...parts, ...(isSecure ? ['Secure'] : [])].join('; '));
}
