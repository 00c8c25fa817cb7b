/** Requests that need no body, whatever content type their client names for the nothing that it sends (`curl -X POST -d ''`). */
import type { FastifyInstance } from 'fastify';
import { StoaError } from '../../../schema/error.js';

/** Lets an empty body of any content type pass as none; one that is not empty must be JSON as ever. Holds for the routes of `app`. */
export function acceptEmptyBody(app: FastifyInstance): void {
  app.addContentTypeParser('*', { parseAs: 'string' }, ({ headers }, text, done) => {
    if (text === '') {
      done(null, undefined);
      return;
    }
    const type = (headers['content-type'] ?? '').slice(0, 100);
    const hint = 'Send JSON with Content-Type: application/json.';
    done(new StoaError('unsupported_media_type', `The content type "${type}" is not supported here.`, { hint }));
  });
}
