/** Versions over HTTP (RFC 9110, section 8.8.3 and 13.1.1). */
import type { FastifyRequest } from 'fastify';
import { StoaError } from '../../../schema/error.js';

const TAG = /^"([a-z0-9-]+)\.(\d{1,15})"$/;

/** The entity tag of a resource: its id and version. */
export const etagOf = ({ id, version }: { readonly id: string; readonly version: number }): string => `"${id}.${version}"`;

/**
 * The version that `If-Match` names; undefined without the header or with `*`.
 * Throws `precondition_failed` for a tag of another resource or one that we never gave.
 */
export function expectedVersion({ headers }: FastifyRequest, { id }: { readonly id: string }): number | undefined {
  const wanted = headers['if-match'];
  if (wanted === undefined || wanted.trim() === '*') return undefined;
  const tags = wanted.split(',').map((tag) => TAG.exec(tag.trim()));
  const version = tags.find((tag) => tag?.[1] === id)?.[2];
  if (version !== undefined) return Number(version);
  throw new StoaError('precondition_failed', `If-Match names another resource than "${id}".`, {
    hint: 'Send the ETag of the answer to GET.',
  });
}
