/** One-time links over HTTP: made by whoever may make keys, opened by whoever has the link. */
import type { FastifyPluginAsync } from 'fastify';
import * as z from 'zod';
import type { ControlPlane } from '../context.js';
import { instant } from '../http/answers.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { createLink, openLink } from './service.js';

const create = tenantEndpoint({
  id: 'createOneTimeLink',
  method: 'POST',
  urls: ['/tenants/:tenant/one-time-links'],
  tag: 'API keys',
  summary: 'Keep an encrypted secret behind a link that opens once',
  right: 'operate',
  body: z.strictObject({
    ciphertext: z
      .string()
      .min(1)
      .max(4096)
      .regex(/^[A-Za-z0-9_-]+$/, 'Expected base64url.')
      .describe('The secret, encrypted by the caller; its key goes into the fragment of the link, which no server sees.'),
    expires_in_hours: z.int().min(1).max(168).default(24).describe('How long the link can be opened.'),
  }),
  status: 201,
  answer: z.strictObject({
    path: z.string().describe('Path of the page that opens it, on this server; "#" and the key are added by the caller.'),
    expires_at: instant('When it can be opened no more.'),
  }),
  errors: ['not_found'],
  examples: { body: { ciphertext: 'q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83v', expires_in_hours: 24 } },
  handle: (cp, { actor, tenant, body }) => createLink(cp, actor, tenant.name, body.ciphertext, body.expires_in_hours),
});

export const oneTimeLinkEndpoints: readonly Endpoint[] = [create];

/** What the page of a link calls. A POST, so that nothing that merely looks at links uses them up. */
export const linkRoutes: FastifyPluginAsync<{ readonly cp: ControlPlane }> = (app, { cp }) => {
  app.post<{ Params: { link: string } }>('/link/:link/open', async (request, reply) => {
    void reply.header('cache-control', 'no-store');
    return { ciphertext: await openLink(cp, request.params.link, request.id) };
  });
  return Promise.resolve();
};
