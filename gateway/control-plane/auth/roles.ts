/** What each role may do: the one table of rights. */
import { ERRORS, StoaError } from '../../../schema/error.js';
import type { Actor, Role } from '../context.js';

/** What each allows is said in `docs/reference/roles.md`. */
export type Right = 'read' | 'write' | 'operate' | 'grant' | 'tenants' | 'sync';

const RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  'cpi-admin': ['read', 'write', 'operate', 'grant', 'tenants', 'sync'],
  'tenant-admin': ['read', 'write', 'operate', 'grant'],
  devops: ['read', 'write', 'operate'],
  viewer: ['read'],
  gateway: ['sync'],
};

/** Every role, the most powerful first. */
export const ROLES = Object.keys(RIGHTS) as readonly Role[];

/** Whether a token may carry the role: every role but the gateway's, which is given by its own token alone. */
export const isTokenRole = (name: string): name is Role => Object.hasOwn(RIGHTS, name) && name !== 'gateway';

/** Whether one of the actor's roles gives the right. */
export const hasRight = ({ roles }: Pick<Actor, 'roles'>, right: Right): boolean => roles.some((role) => RIGHTS[role].includes(right));

/** The roles that give a right. */
export const rolesWith = (right: Right): readonly Role[] => ROLES.filter((role) => RIGHTS[role].includes(right));

/** Throws `forbidden` when none of the actor's roles gives the right, and for whatever changes something while the actor's tenant is suspended. */
export function requireRight(actor: Actor, right: Right): void {
  if (right !== 'read' && actor.isSuspended === true) {
    throw new StoaError('forbidden', 'The tenant is suspended: it can be read, and not changed.', {
      hint: 'Ask the operator of the platform to resume it.',
    });
  }
  if (hasRight(actor, right)) return;
  throw new StoaError('forbidden', ERRORS.forbidden.title, { hint: `Needed is one of the roles: ${rolesWith(right).join(', ')}.` });
}
