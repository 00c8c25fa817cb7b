/** The bodies of `POST /v1/plan` and `POST /v1/apply`, and the plan itself: data that the CLI prints and the control plane executes. */
import type { Diagnostic } from './error.js';
import type { Json } from './kind.js';
import type { Resource, ResourceKey } from './resource.js';

/** Who changed a resource last, and when. */
export interface Touch {
  readonly by: string;
  readonly at: string;
}

/** A resource as the control plane holds it. */
export interface StoredResource extends Resource {
  readonly id: string;
  readonly version: number;
  /** The project that owns it; null when it was made by hand over REST. */
  readonly managed_by: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly updated_by: string;
  /** Set when something other than its project wrote it last: drift. */
  readonly drift?: Touch | undefined;
}

/** A resource as everybody is shown it. */
export interface ShownResource extends StoredResource {
  /** Fields whose secret the control plane holds, and for which no manifest has a reference. */
  readonly secret_fields?: readonly string[];
}

/** One changed value. A secret shows only that it changed: both sides are `"[secret]"`. */
export interface FieldChange {
  /** Dotted place: `spec.rate_limit.requests_per_minute`, `metadata.labels.team`. */
  readonly path: string;
  /** Absent when the field was not there. */
  readonly before?: Json;
  /** Absent when the field is gone. */
  readonly after?: Json;
}

export interface Change extends ResourceKey {
  readonly action: 'create' | 'update' | 'delete';
  /** Version of the stored resource that the change starts from; 0 for a create. */
  readonly version: number;
  readonly fields: readonly FieldChange[];
  /** It was made by hand over REST and becomes the project's own. */
  readonly adopted?: true;
  /** It is taken from this project. */
  readonly taken_from?: string;
  /** Somebody changed it outside of its project since the last apply. */
  readonly drift?: Touch;
  /** Why clients may break: `route removed`, `authentication loosened`. */
  readonly breaking?: readonly string[];
  /** With a delete: what depends on it and goes or breaks with it. */
  readonly dependents?: readonly string[];
  /** Of a create or update, when asked for: keyed digest of what the resource becomes, secrets included. Only the control plane that made it can make it again. */
  readonly digest?: string;
}

export interface Plan {
  readonly schema_version: 1;
  readonly project: string;
  /** Revision of the declared state that the plan was made against. */
  readonly revision: number;
  /** In reading order: tenant, kind, name; deletes last. */
  readonly changes: readonly Change[];
  readonly summary: { readonly create: number; readonly update: number; readonly delete: number; readonly unchanged: number };
  /** What stops an apply: another owner, a guard. Empty when the plan can be applied. */
  readonly refusals: readonly Refusal[];
  /** Warnings and notes of the check. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface Refusal {
  readonly code: 'conflict' | 'guard_refused' | 'not_found';
  readonly resource?: string;
  readonly message: string;
  readonly hint: string;
}

/** Where an apply came from, when known. */
export interface ApplySource {
  readonly commit?: string | undefined;
  readonly ci_run?: string | undefined;
}

export interface PlanRequest {
  readonly project: string;
  readonly resources: readonly Resource[];
  /** Resources to delete by name, whoever made them; what `stoactl delete` sends. Not part of the project's set. */
  readonly delete?: readonly ResourceKey[];
  /** Values of the secrets that the resources refer to, by `keyOf(resource)` and field. Kept apart so that no spec ever holds one. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly prune?: boolean;
  readonly take_ownership?: boolean;
  /** A count (`5`) or a share of what the project owns (`10%`). */
  readonly max_deletes?: string;
  /** The changes that the caller was shown, each with the version it started from. Anything else that is found is a `conflict`. */
  readonly expect?: readonly ExpectedChange[];
  /** Whether the changes of the answer carry their `digest`. */
  readonly with_digests?: boolean;
}

/** A change as it was shown; with `dependents` or `digest`, what a delete takes along or what the resource becomes has to be the same too. */
export type ExpectedChange = ResourceKey & Pick<Change, 'action' | 'version' | 'dependents' | 'digest'>;

export interface ApplyRequest extends PlanRequest {
  readonly source?: ApplySource;
}

export interface ApplyResult {
  readonly schema_version: 1;
  readonly plan: Plan;
  /** Revision that the apply made; that of the plan when nothing changed. */
  readonly revision: number;
  /** False when nothing had to be written. */
  readonly applied: boolean;
}
