/** Rollback: what a project declared after an earlier revision is applied again, as a new revision. */
import type { Plan } from '../../schema/change.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import { keyOf } from '../../schema/resource.js';
import { collectSecrets } from '../../schema/variables.js';
import type { Client } from '../client.js';
import type { Environment, Settings } from '../settings.js';
import { plan, type PlannedRequest } from './change.js';
import { variableSources } from './load.js';

export interface RollbackOptions {
  /** Number of the revision. */
  readonly to: string;
  readonly takeOwnership: boolean;
  readonly maxDeletes: string | undefined;
  readonly settings: Settings;
  readonly env: Environment;
  readonly cwd: string;
}

export interface Rollback {
  readonly planned: PlannedRequest;
  readonly plan: Plan;
}

/**
 * The plan that brings the project's resources back to what they were; what came later is deleted. Writes nothing. Throws `usage_error`, `not_found`,
 * `guard_refused` for another tenant than the one of --tenant, `validation_error` for a secret that is needed and cannot be read.
 */
export async function planRollback(options: RollbackOptions, client: Client): Promise<Rollback> {
  const { to, settings, takeOwnership } = options;
  if (!/^[1-9]\d{0,14}$/.test(to))
    throw new StoaError('usage_error', `--to takes the number of a revision; "${to}" is none.`, {
      hint: 'Run "stoactl history" for those that there are.',
    });
  const { project, configFile } = settings;
  const resources = await client.review.resourcesAt(to, project);
  const { secrets, diagnostics } = collectSecrets(resources, [], variableSources(options));
  const maxDeletes = options.maxDeletes ?? configFile?.config.guards?.max_deletes;
  const planned: PlannedRequest = {
    set: undefined,
    request: {
      project,
      resources,
      prune: true,
      ...(secrets === undefined ? {} : { secrets }),
      ...(takeOwnership ? { take_ownership: true } : {}),
      ...(maxDeletes === undefined ? {} : { max_deletes: String(maxDeletes) }),
    },
  };
  const made = await plan(planned, client);
  refuseOtherTenants(made, settings);
  requireSecrets(made, diagnostics);
  return { planned, plan: made };
}

function refuseOtherTenants({ changes }: Plan, { tenant, project }: Settings): void {
  const foreign = changes.find((change) => tenant !== undefined && change.tenant !== tenant);
  if (foreign === undefined) return;
  throw new StoaError('guard_refused', `The rollback would change ${keyOf(foreign)}, which is not of tenant "${tenant ?? ''}".`, {
    hint: `The project "${project}" goes back as a whole: leave --tenant and the environment that names it out.`,
  });
}

/** History holds no secret. A resource that is still there keeps its own; one that comes back needs it again. */
function requireSecrets({ changes }: Plan, unreadable: readonly Diagnostic[]): void {
  const created = new Set(changes.filter(({ action }) => action === 'create').map(keyOf));
  const needed = unreadable.filter(({ resource = '' }) => created.has(resource));
  if (needed.length === 0) return;
  throw new StoaError('validation_error', 'What comes back needs secrets that cannot be read here.', {
    diagnostics: needed,
    hint: 'Nothing was changed. Secrets are not kept in the history: set them, then run the command again.',
  });
}
