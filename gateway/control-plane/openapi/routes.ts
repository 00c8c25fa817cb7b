/** The document and the two pages that show it (rows CV8 to CV10): no token, and no address but our own. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyPluginAsync } from 'fastify';
import { productPath } from '../../product-path.js';
import type { ControlPlane } from '../context.js';
import { pageHeaders } from '../http/pages.js';
import { buildDocument } from './document.js';
import { pages } from './pages.js';

const ASSETS = productPath('gateway/control-plane/openapi/assets');

export interface DocumentationOptions {
  readonly cp: ControlPlane;
  readonly version: string;
}

/** `/openapi.json`, `/docs`, `/redoc` and what the pages load. */
export const documentationRoutes: FastifyPluginAsync<DocumentationOptions> = (app, { cp, version }) => {
  let document: string | undefined;
  app.get('/openapi.json', (_request, reply) => {
    // The public address may be known only once the server listens.
    document ??= JSON.stringify(buildDocument({ version, publicUrl: cp.publicUrl }));
    return reply.type('application/json; charset=utf-8').send(document);
  });
  for (const page of pages) {
    app.get(page.url, (_request, reply) =>
      reply
        .headers(securityHeaders(new URL(cp.publicUrl).origin))
        .type('text/html; charset=utf-8')
        .send(page.html),
    );
    app.get(`${page.url}/start.js`, (_request, reply) =>
      reply.headers(securityHeaders()).type('text/javascript; charset=utf-8').send(page.script),
    );
    for (const asset of page.assets) {
      const type = asset.endsWith('.css') ? 'text/css' : 'text/javascript';
      app.get(`${page.url}/${asset}`, async (_request, reply) => {
        const text = await readFile(path.join(ASSETS, asset));
        return reply.headers(securityHeaders()).header('cache-control', 'public, max-age=3600').type(`${type}; charset=utf-8`).send(text);
      });
    }
  }
  return Promise.resolve();
};

/** Both pages write style elements of their own; a script runs from here alone. `api` is what "Try it out" calls. */
const securityHeaders = (api = ''): Record<string, string> =>
  pageHeaders(
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    `connect-src 'self' ${api}`.trim(),
    'worker-src blob:',
  );
