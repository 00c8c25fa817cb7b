/** Request bodies that arrive compressed: accepted where whole sets are sent. */
import { createGunzip } from 'node:zlib';
import type { preParsingHookHandler, RequestPayload } from 'fastify';
import { StoaError } from '../../../schema/error.js';

/** Largest set, inflated. */
export const MAX_SET_BYTES = 64 * 1024 * 1024;

/** Inflates a gzip body while it is read; the parser stops at the route's limit, so that a bomb is never unpacked. */
export const acceptGzip: preParsingHookHandler = (request, _reply, payload, done) => {
  const encoding = request.headers['content-encoding'];
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return void done(null, payload);
  const inflated: RequestPayload = createGunzip();
  inflated.receivedEncodedLength = 0;
  payload.on('data', (chunk: Buffer) => {
    inflated.receivedEncodedLength = (inflated.receivedEncodedLength ?? 0) + chunk.length;
  });
  payload.on('error', (error) => (inflated as unknown as NodeJS.EventEmitter).emit('error', error));
  payload.pipe(inflated as unknown as NodeJS.WritableStream);
  return void done(null, inflated);
};

/** Refuses what `acceptGzip` does not read. */
export function requireReadableEncoding(encoding: string | undefined, acceptsGzip: boolean): void {
  if (encoding === undefined || encoding === 'identity') return;
  if (acceptsGzip && (encoding === 'gzip' || encoding === 'x-gzip')) return;
  throw new StoaError('unsupported_media_type', `The content encoding "${encoding.slice(0, 40)}" is not supported here.`, {
    hint: acceptsGzip ? 'Send the body as it is, or with gzip.' : 'Send the body as it is.',
  });
}
