/** Every request below /v1 has an actor: set by the bearer check before any handler runs. */
import type { Actor } from '../context.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request. */
    actor: Actor;
  }
}
