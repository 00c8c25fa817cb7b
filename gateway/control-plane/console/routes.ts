/** The console and the page of one-time links (rows UI5 to UI7, KY23, CN8). */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../context.js';
import { sendBuilt, sendPage } from '../http/pages.js';
import { linkRoutes } from '../one-time-links/routes.js';

export interface ConsoleOptions {
  readonly cp: ControlPlane;
  /** The port on which `/` leads to the portal, where there is one. */
  readonly portalPort: number;
}

/** `/console`, `/link/:link`, and `/`, which leads to the console: on the documented port 3000 it stands by itself. */
export const consoleRoutes: FastifyPluginAsync<ConsoleOptions> = async (app, { cp, portalPort }) => {
  const page = (file: string) => (_request: FastifyRequest, reply: FastifyReply) => sendPage('console', file, reply);
  app.get('/', ({ socket }, reply) => reply.redirect(cp.hasPortal && socket.localPort === portalPort ? '/portal' : '/console'));
  app.get('/console', page('console.html'));
  app.get('/link/:link', page('link.html'));
  app.get<{ Params: { file: string } }>('/console/:file', ({ params }, reply) => sendBuilt('console', params.file, reply));
  await app.register(linkRoutes, { cp });
};
