/** Pages for browsers: files of ours, which may load from and talk to nobody but this server. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyReply } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import { productPath } from '../../product-path.js';

/** Headers of a page that runs scripts of this server alone and sends forms nowhere. `policy`: what else it may load, and from where. */
export const pageHeaders = (...policy: readonly string[]): Record<string, string> => ({
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    ...policy,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
});

const HEADERS = { ...pageHeaders("style-src 'self'", "connect-src 'self'"), 'cache-control': 'no-store' };

const BUILT = /^[a-z-]+\.(css|js)$/;
const TYPES = { css: 'text/css', js: 'text/javascript' } as const;

/** A part of the product that has pages: a folder of the control plane, and one in dist/ with its styles and scripts. */
export type Site = 'console' | 'portal';

/** Sends a page of a site. */
export const sendPage = (site: Site, file: string, reply: FastifyReply): Promise<FastifyReply> =>
  send(reply, 'text/html', productPath(path.join('gateway/control-plane', site, 'pages', file)));

/** Sends a style or a script of a site, which are built, also where the server runs from its sources. Throws `not_found`. */
export async function sendBuilt(site: Site, file: string, reply: FastifyReply): Promise<FastifyReply> {
  const [, ending] = BUILT.exec(file) ?? [];
  if (ending === undefined) throw new StoaError('not_found', 'There is no such file.');
  return send(reply, TYPES[ending as keyof typeof TYPES], productPath(path.join('dist', site, file)));
}

async function send(reply: FastifyReply, type: string, file: string): Promise<FastifyReply> {
  try {
    const text = await readFile(file);
    return await reply.headers(HEADERS).type(`${type}; charset=utf-8`).send(text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StoaError('not_found', 'There is no such file.', { hint: 'When it has never been there: npm run build.' });
  }
}
