/** The history of declared state: which revisions there are, and what one of them changed. */
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { RevisionRecord } from '../review-client.js';

export interface History {
  readonly schema_version: 1;
  readonly revisions: readonly RevisionRecord[];
}

export interface HistoryQuery {
  /** One revision, with its changes. */
  readonly revision: string | undefined;
  readonly tenant: string | undefined;
  readonly project: string | undefined;
  readonly limit: string;
}

/** The newest revisions, or one. Throws `not_found`, `usage_error`. */
export async function readHistory({ revision, tenant, project, limit }: HistoryQuery, { review }: Client): Promise<History> {
  if (revision !== undefined) {
    if (!/^[1-9]\d*$/.test(revision))
      throw new StoaError('usage_error', `"${revision}" is not the number of a revision.`, {
        hint: 'Run "stoactl history" for those that there are.',
      });
    return { schema_version: 1, revisions: [await review.revision(revision)] };
  }
  if (!/^([1-9]\d?|100)$/.test(limit))
    throw new StoaError('usage_error', `--limit takes a whole number from 1 to 100; "${limit}" is none.`, {
      hint: 'More is in GET /v1/revisions, page by page.',
    });
  return { schema_version: 1, revisions: await review.revisions({ tenant, project, limit }) };
}
