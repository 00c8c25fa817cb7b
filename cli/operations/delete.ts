/** Deletes by name: what is named is looked up first, so that the plan shows what goes and what goes with it. */
import type { ResourceKey } from '../../schema/resource.js';
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { Settings } from '../settings.js';
import type { PlannedRequest } from './change.js';
import { findResource } from './inspect.js';
import { findKind } from './kinds.js';
import { load, type LoadOptions } from './load.js';

/** What manifests name. Their specs need not be right: only identities are read. Throws `usage_error` without -f. */
export async function keysOfManifests(options: LoadOptions): Promise<ResourceKey[]> {
  if (options.paths === undefined || options.paths.length === 0)
    throw new StoaError('usage_error', 'Nothing is named: give KIND and NAME, or manifests with -f.', {
      hint: 'For example: stoactl delete api acme/payments.',
    });
  const { resources, diagnostics } = await load(options);
  if (resources.length > 0) return resources.map(({ kind, tenant, name }) => ({ kind, tenant, name }));
  throw new StoaError('validation_error', 'The manifests name no resource.', {
    diagnostics,
    hint: 'Nothing was deleted. Check what -f names.',
  });
}

/** One resource by kind and name. Throws `not_found`, or `usage_error` when a word is missing or too many are given. */
export async function keyOfName(
  kind: string,
  name: string | undefined,
  filename: unknown,
  tenant: string | undefined,
  client: Client,
): Promise<ResourceKey> {
  if (filename !== undefined)
    throw new StoaError('usage_error', 'Give KIND and NAME, or -f, not both.', { hint: 'For example: stoactl delete api acme/payments.' });
  const definition = findKind(kind);
  if (name === undefined)
    throw new StoaError('usage_error', `Which ${definition.kind}? Its name is missing.`, {
      hint: `For example: stoactl delete ${kind} acme/payments.`,
    });
  const found = await findResource(definition, name, tenant, client);
  return { kind: found.kind, tenant: found.tenant, name: found.name };
}

/** The request that deletes resources by name. What another project owns is refused unless it is taken over. */
export function deletionOf(keys: readonly ResourceKey[], { project }: Settings, takeOwnership: boolean): PlannedRequest {
  return { set: undefined, request: { project, resources: [], delete: keys, ...(takeOwnership ? { take_ownership: true } : {}) } };
}
