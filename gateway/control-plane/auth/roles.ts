/** What each role may do: the one table of rights. */
import { ERRORS, StoaError } from '../../../schema/error.js';
import type { Actor, Role } from '../context.js';

/**
 * `read`: see everything of a tenant. `write`: declare resources in it. `operate`: rotate keys, suspend and resume.
 * `grant`: approve subscriptions, create and revoke keys. `tenants`: create, change and delete tenants, and so their limits. `sync`: follow the change stream and report events.
 */
export type Right = 'read' | 'write' | 'operate' | 'grant' | 'tenants' | 'sync';

const RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  'cpi-admin': ['read', 'write', 'operate', 'grant', 'tenants', 'sync'],
  'tenant-admin': ['read', 'write', 'operate', 'grant'],
  devops: ['read', 'write', 'operate'],
  viewer: ['read'],
  gateway: ['sync'],
};

const ROLES = Object.keys(RIGHTS) as readonly Role[];

/** Whether a token may carry the role: every role but the gateway's, which is given by its own token alone. */
export const isTokenRole = (name: string): name is Role => Object.hasOwn(RIGHTS, name) && name !== 'gateway';

/** Whether one of the actor's roles gives the right. */
export const hasRight = ({ roles }: Pick<Actor, 'roles'>, right: Right): boolean => roles.some((role) => RIGHTS[role].includes(right));

/** The roles that give a right. */
export const rolesWith = (right: Right): readonly Role[] => ROLES.filter((role) => RIGHTS[role].includes(right));

/** Throws `forbidden` when none of the actor's roles gives the right. */
export function requireRight(actor: Actor, right: Right): void {
  if (hasRight(actor, right)) return;
  throw new StoaError('forbidden', ERRORS.forbidden.title, { hint: `Needed is one of the roles: ${rolesWith(right).join(', ')}.` });
}
