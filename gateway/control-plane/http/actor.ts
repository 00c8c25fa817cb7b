/** Who makes a request, set before any handler runs: the address of every client; the actor of every request below /v1, by the bearer check. */
import type { Actor } from '../context.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request. */
    actor: Actor;
    /** Address of the client: the peer's, or the one that a trusted proxy gives. */
    clientIp: string;
  }
}
