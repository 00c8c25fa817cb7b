/** Links that show a secret once (row CN8). The server keeps what the sender has encrypted; the key to it is in the link and never comes here. */
import { createHash, randomBytes } from 'node:crypto';
import { StoaError } from '../../../schema/error.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane } from '../context.js';
import { closeLink, deleteLinks, findLink, insertLink, type LinkRow } from './store.js';

const HOUR_MS = 3_600_000;
/** So long a link that was opened or has expired is told apart from one that never was. */
const REMEMBERED_MS = 30 * 24 * HOUR_MS;

export interface NewLink {
  /** Path of the page that opens it; the fragment with the key is for whoever made it to add. */
  readonly path: string;
  readonly expires_at: string;
}

const digestOf = (id: string): string => createHash('sha256').update(id).digest('hex');
/** For the audit log: tells links apart and opens none. */
const nameOf = (digest: string): string => `link-${digest.slice(0, 12)}`;

/** Keeps a ciphertext for a while. */
export async function createLink(cp: ControlPlane, actor: Actor, tenant: string, ciphertext: string, hours: number): Promise<NewLink> {
  const id = randomBytes(16).toString('base64url');
  const [at, digest] = [new Date(cp.now()).toISOString(), digestOf(id)];
  const expires_at = new Date(cp.now() + hours * HOUR_MS).toISOString();
  await commit(cp, async (trx) => {
    await insertLink(trx, { digest, tenant, ciphertext, created_at: at, expires_at, opened_at: null });
    await recordAudit(trx, {
      tenant,
      action: 'one_time_link.created',
      resource: nameOf(digest),
      actor,
      details: { expires_at },
      at: cp.now(),
    });
  });
  return { path: `/link/${id}`, expires_at };
}

/** Gives the ciphertext to the first who asks. Throws `not_found`, or `gone` when it was opened or its time is over. */
export async function openLink(cp: ControlPlane, id: string, requestId: string): Promise<string> {
  const digest = digestOf(id);
  return commit(cp, async (trx) => {
    const link = await findLink(trx, digest);
    const ciphertext = requireOpen(link, cp.now());
    await closeLink(trx, digest, new Date(cp.now()).toISOString());
    const actor: Actor = { name: 'holder of the link', roles: [], tenant: undefined, requestId };
    await recordAudit(trx, { tenant: link?.tenant ?? '', action: 'one_time_link.opened', resource: nameOf(digest), actor, at: cp.now() });
    return ciphertext;
  });
}

function requireOpen(link: LinkRow | undefined, now: number): string {
  if (link === undefined) throw new StoaError('not_found', 'There is no such link.');
  if (link.opened_at !== null)
    throw new StoaError('gone', `The link was opened at ${link.opened_at}.`, {
      hint: 'If that was not you, tell whoever sent it: the key has to be rotated.',
    });
  if (link.ciphertext === null || Date.parse(link.expires_at) <= now)
    throw new StoaError('gone', `The link was good until ${link.expires_at}.`, { hint: 'Ask whoever sent it for another one.' });
  return link.ciphertext;
}

/** Forgets what is over. */
export const forgetLinks = (cp: ControlPlane): Promise<void> =>
  deleteLinks(cp.db, new Date(cp.now()).toISOString(), new Date(cp.now() - REMEMBERED_MS).toISOString());
