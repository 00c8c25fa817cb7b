/** What the REST routes of declared kinds share: find, create, change and delete one resource of a tenant. */
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import { commit, type Actor, type ControlPlane, type Db } from '../context.js';
import { invalidField } from '../http/parse.js';
import { deleteResource, putResource, type PutOptions, type ResourceDraft } from './put.js';
import { findResource } from './store.js';

/** A resource of a tenant by id or name. Throws `not_found`. */
export async function requireResource(db: Db, kind: string, tenant: string, idOrName: string): Promise<StoredResource> {
  const resource = await findResource(db, kind, tenant, idOrName);
  if (resource !== undefined) return resource;
  throw new StoaError('not_found', `${kind} "${idOrName}" does not exist in tenant "${tenant}".`);
}

/** Creates a resource. Throws `validation_error`, `conflict` when its name or one of its claims is taken. */
export function createResource(
  cp: ControlPlane,
  actor: Actor,
  draft: ResourceDraft,
  options: Omit<PutOptions, 'isNew'> = {},
): Promise<StoredResource> {
  return commit(cp, (trx) => putResource(cp, trx, actor, draft, { ...options, isNew: true }));
}

/** Changes the spec of a resource as it is now. Throws `validation_error`, `precondition_failed`, `not_found`. */
export function changeResource(
  cp: ControlPlane,
  actor: Actor,
  { kind, tenant, id }: StoredResource,
  change: (spec: JsonObject) => JsonObject,
  options: Pick<PutOptions, 'expectVersion' | 'secrets'> = {},
): Promise<StoredResource> {
  return commit(cp, async (trx) => {
    const now = await requireResource(trx, kind, tenant, id);
    return putResource(cp, trx, actor, { kind, tenant, name: now.name, spec: change(now.spec) }, options);
  });
}

/** Deletes a resource and what cannot live without it. */
export function removeResource(cp: ControlPlane, actor: Actor, resource: StoredResource, expectVersion?: number): Promise<void> {
  return commit(cp, (trx) => deleteResource(cp, trx, actor, resource, { expectVersion }));
}

/** The name that a body gives to what it creates. What is no text is no name: the check finds that with everything else that is wrong. */
export const nameIn = ({ name }: { readonly name?: unknown }): string => (typeof name === 'string' ? name : '');

/** A text field of a body. Throws `validation_error` when it is missing, empty or something else. */
export function requireText(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value === 'string' && value !== '') return value;
  throw invalidField(field, value === undefined ? `The field "${field}" is missing.` : `Expected a text.`);
}

/**
 * A spec with the fields of a patch in place of its own; null takes a field away. Fields named in `merged` are objects that are patched in turn.
 * `name` may be repeated, not changed.
 */
export function patchSpec(
  { name, spec }: { readonly name: string; readonly spec: JsonObject },
  patch: JsonObject,
  merged: readonly string[] = [],
): JsonObject {
  const { name: wanted = name, ...fields } = patch;
  if (wanted !== name) throw invalidField('name', 'A name cannot be changed.');
  const given = Object.entries(fields).map(([field, value]) => {
    const before = spec[field];
    const isMerged = merged.includes(field) && isObject(value) && isObject(before);
    return [field, isMerged ? mergeObjects(before, value) : value] as const;
  });
  return mergeObjects(spec, Object.fromEntries(given));
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

const mergeObjects = (before: JsonObject, patch: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null));
