/** An apply that changes nothing is answered from the digest of the project's last apply, as long as nobody has written any of its resources since. */
import { createHash } from 'node:crypto';
import type { Plan, PlanRequest } from '../../../schema/change.js';
import { keyOf } from '../../../schema/resource.js';
import type { Actor, ControlPlane, Trx } from '../context.js';
import { findProject, keysWrittenAfter } from './revision-store.js';

/** More than this is not looked through: a plan is made instead. */
const MAX_WRITES = 1000;

interface Unchanged {
  readonly digest: string;
  readonly revision: number;
}

/** Applies that found nothing to change, of this process: they write nothing, so that the database does not know them. */
const unchangedSets = new WeakMap<ControlPlane, Map<string, Unchanged>>();

/**
 * Digest of everything that decides what an apply does: a token of one tenant prunes there alone. Two spellings of one set may differ: then a plan
 * is made.
 */
export function digestOf(
  { vault }: ControlPlane,
  { tenant }: Actor,
  { resources, secrets = {}, prune, take_ownership }: PlanRequest,
): string {
  const secretDigest = vault.digest(JSON.stringify(secrets));
  const parts = JSON.stringify([resources, secretDigest, prune === true, take_ownership === true, tenant ?? null]);
  return createHash('sha256').update(parts).digest('hex');
}

/** Whether the project holds exactly this set already. */
export async function isUnchanged(cp: ControlPlane, trx: Trx, request: PlanRequest, digest: string): Promise<boolean> {
  if (request.delete !== undefined && request.delete.length > 0) return false;
  if (request.resources.length === 0) return false;
  const found = unchangedSets.get(cp)?.get(request.project);
  const known = found?.digest === digest ? found : await findProject(trx, request.project);
  if (known?.digest !== digest) return false;
  const written = await keysWrittenAfter(trx, known.revision, MAX_WRITES);
  if (written === undefined) return false;
  if (written.length === 0) return true;
  const own = new Set(request.resources.map(keyOf));
  return !written.some((key) => own.has(keyOf(key)));
}

/** Notes that a set was found to be there already, at a revision. */
export function rememberUnchanged(cp: ControlPlane, request: PlanRequest, digest: string, revision: number): void {
  if (request.delete !== undefined && request.delete.length > 0) return;
  const sets = unchangedSets.get(cp) ?? new Map<string, Unchanged>();
  unchangedSets.set(cp, sets.set(request.project, { digest, revision }));
}

/** Forgets what was found to be there: the project has written since, perhaps other resources. */
export function forgetUnchanged(cp: ControlPlane, project: string): void {
  unchangedSets.get(cp)?.delete(project);
}

/** A plan without changes. */
export function emptyPlan({ project, resources }: PlanRequest, revision: number): Plan {
  const summary = { create: 0, update: 0, delete: 0, unchanged: resources.length };
  return { schema_version: 1, project, revision, changes: [], summary, refusals: [], diagnostics: [] };
}
