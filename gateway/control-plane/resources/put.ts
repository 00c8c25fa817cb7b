/** The one way by which REST writes a declared resource: through the same check and the same write as an apply. */
import type { StoredResource } from '../../../schema/change.js';
import type { ResourceKey } from '../../../schema/resource.js';
import type { Actor, ControlPlane, Trx } from '../context.js';

/** A resource as a request describes it; its spec is checked here. */
export interface ResourceDraft extends ResourceKey {
  readonly spec: unknown;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PutOptions {
  /** Id of a resource that is created; made from the kind when absent. A subscription made over REST is named by its own id. */
  readonly id?: string | undefined;
  /** True for a creation: a resource of that name is then a `conflict`. */
  readonly isNew?: boolean;
  /** The version that must be stored; another one is `precondition_failed`. */
  readonly expectVersion?: number | undefined;
  /** Values of its secret fields, by field. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * Creates or replaces a resource: checked, with its claims, revision, audit row, change-log row and reaction. A resource that is the same already is not written.
 * Throws `validation_error` (fields as in the request, without `spec.`), `conflict`, `precondition_failed`.
 */
export declare function putResource(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  resource: ResourceDraft,
  options?: PutOptions,
): Promise<StoredResource>;

/** Deletes a resource and what cannot live without it. Throws `conflict` when something needs it, `precondition_failed`. */
export declare function deleteResource(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  resource: StoredResource,
  options?: Pick<PutOptions, 'expectVersion'>,
): Promise<void>;
