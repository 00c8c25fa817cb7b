/** Diff, apply and delete: one plan is made by the control plane, shown, and applied as shown or not at all. */
import type { ApplyResult, ApplySource, Change, ExpectedChange, Plan, PlanRequest } from '../../schema/change.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { Environment } from '../settings.js';
import { load, type LoadOptions, type ManifestSet } from './load.js';
import { invalidSet, withPlaces } from './server-findings.js';

export interface PlanOptions {
  readonly prune: boolean;
  readonly takeOwnership: boolean;
  readonly maxDeletes: string | undefined;
  /** Whether the plan is to be kept: its changes then carry digests of what the resources become. */
  readonly isKept?: boolean;
}

/** What is asked of the control plane, and what the findings of its answer can be traced to. */
export interface PlannedRequest {
  readonly request: PlanRequest;
  readonly set: ManifestSet | undefined;
}

/** Found only by looking at what is live already, so the control plane has the last word on it. */
const DEFERRED: ReadonlySet<string> = new Set(['missing_reference']);

/** Reads the manifests and makes the request. Throws `validation_error` with every finding. */
export async function requestFor(loadOptions: LoadOptions, options: PlanOptions): Promise<PlannedRequest> {
  const set = await load(loadOptions);
  const diagnostics = [...set.diagnostics, ...set.secretDiagnostics];
  const errors = diagnostics.filter(({ severity, code }) => severity === 'error' && !DEFERRED.has(code));
  if (errors.length > 0) throw invalidSet(diagnostics);
  const { project, configFile } = loadOptions.settings;
  const maxDeletes = options.maxDeletes ?? configFile?.config.guards?.max_deletes;
  return {
    set,
    request: {
      project,
      resources: set.resources,
      ...(Object.keys(set.secrets).length === 0 ? {} : { secrets: set.secrets }),
      ...(options.prune ? { prune: true } : {}),
      ...(options.takeOwnership ? { take_ownership: true } : {}),
      ...(maxDeletes === undefined ? {} : { max_deletes: String(maxDeletes) }),
      ...(options.isKept === true ? { with_digests: true } : {}),
    },
  };
}

/** The plan of the control plane. One request. */
export async function plan({ request, set }: PlannedRequest, client: Client): Promise<Plan> {
  try {
    return await client.plan(request);
  } catch (error) {
    throw withPlaces(error, set);
  }
}

/** What stops an apply of a plan, as an error; undefined when nothing does. */
export function refusalOf({ refusals }: Plan): StoaError | undefined {
  const first = refusals.find(({ code }) => code === 'guard_refused') ?? refusals[0];
  if (first === undefined) return undefined;
  const diagnostics = refusals.map(({ code, message, resource, hint }): Diagnostic => ({
    severity: 'error',
    code,
    message,
    hint,
    path: '',
    ...(resource === undefined ? {} : { resource }),
  }));
  const message = refusals.length === 1 ? first.message : `The plan is refused for ${refusals.length} reasons.`;
  return new StoaError(first.code, message, {
    diagnostics: refusals.length === 1 ? [] : diagnostics,
    hint: refusals.length === 1 ? first.hint : 'Nothing was changed.',
  });
}

/** Applies a plan as it was shown: the changes and the versions that they start from. Anything else found is a `conflict`. */
export async function applyPlan({ request, set }: PlannedRequest, shown: Plan, source: ApplySource, client: Client): Promise<ApplyResult> {
  try {
    return await client.apply({ ...request, expect: expectedOf(shown), source });
  } catch (error) {
    throw withPlaces(error, set);
  }
}

/** The changes of a plan as the control plane is asked to find them again. */
export const expectedOf = ({ changes }: Plan): ExpectedChange[] =>
  changes.map(({ kind, tenant, name, action, version, digest, dependents = [] }) => ({
    ...{ kind, tenant, name, action, version },
    ...(action === 'delete' ? { dependents } : {}),
    ...(digest === undefined ? {} : { digest }),
  }));

/** The answer of an apply that has nothing to do. */
export const unchanged = (shown: Plan): ApplyResult => ({ schema_version: 1, plan: shown, revision: shown.revision, applied: false });

/** Changes that may break clients. */
export const breakingChanges = ({ changes }: Plan): Change[] =>
  changes.filter(({ breaking }) => breaking !== undefined && breaking.length > 0);

/** Commit and CI run, where the environment of a pipeline tells them. */
export function applySource(env: Environment): ApplySource {
  const commit = env['GITHUB_SHA'] ?? env['CI_COMMIT_SHA'] ?? env['GIT_COMMIT'];
  const github =
    env['GITHUB_RUN_ID'] === undefined
      ? undefined
      : `${env['GITHUB_SERVER_URL'] ?? ''}/${env['GITHUB_REPOSITORY'] ?? ''}/actions/runs/${env['GITHUB_RUN_ID']}`;
  const run = github ?? env['CI_PIPELINE_URL'] ?? env['BUILD_URL'];
  return { ...(commit === undefined ? {} : { commit }), ...(run === undefined ? {} : { ci_run: run }) };
}
