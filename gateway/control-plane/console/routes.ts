/** The console and the page of one-time links: files of ours, which may talk to nobody but this server (rows UI5 to UI7, KY23, CN8). */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import { productPath } from '../../product-path.js';
import type { ControlPlane } from '../context.js';
import { linkRoutes } from '../one-time-links/routes.js';

const PAGES = productPath('gateway/control-plane/console/pages');
/** Scripts are compiled, also where the server runs from its sources. */
const SCRIPTS = productPath('dist/console');

const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

const FILE = /^[a-z-]+\.(css|js)$/;

/** `/console`, `/link/:link`, and `/`, which leads to the console: on the documented port 3000 it stands by itself. */
export const consoleRoutes: FastifyPluginAsync<{ readonly cp: ControlPlane }> = async (app, { cp }) => {
  const page = (file: string) => (_request: unknown, reply: FastifyReply) => send(reply, 'text/html', path.join(PAGES, file));
  app.get('/', (_request, reply) => reply.redirect('/console'));
  app.get('/console', page('console.html'));
  app.get('/link/:link', page('link.html'));
  app.get<{ Params: { file: string } }>('/console/:file', (request, reply) => {
    const { file } = request.params;
    const [, ending] = FILE.exec(file) ?? [];
    if (ending === undefined) throw new StoaError('not_found', 'The console has no such file.');
    return ending === 'css' ? send(reply, 'text/css', path.join(PAGES, file)) : send(reply, 'text/javascript', path.join(SCRIPTS, file));
  });
  await app.register(linkRoutes, { cp });
};

async function send(reply: FastifyReply, type: string, file: string): Promise<FastifyReply> {
  try {
    const text = await readFile(file);
    return await reply.headers(HEADERS).type(`${type}; charset=utf-8`).send(text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StoaError('not_found', 'The console has no such file.', { hint: 'When it has never been there: npm run build.' });
  }
}
