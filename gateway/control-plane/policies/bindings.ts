/** Bindings (row PL3): document A's word for the targets of a policy. Both write the same record. */
import { createHash } from 'node:crypto';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { PolicySpec, PolicyTarget } from '../../../schema/kinds/policy.js';
import { canonicalJson } from '../../../schema/resource.js';
import { commit, type Actor, type ControlPlane, type Db } from '../context.js';
import { putResource } from '../resources/put.js';
import { requireResource } from '../resources/rest.js';
import { resourcesByKey } from '../resources/store.js';

export interface Binding {
  readonly id: string;
  readonly policy_id: string;
  readonly tenant_id: string;
  readonly api_catalog_id: string | null;
  readonly consumer_id: string | null;
}

const specOf = ({ spec }: StoredResource): PolicySpec => spec as unknown as PolicySpec;

const bindingId = (policy: StoredResource, target: PolicyTarget): string =>
  `bin-${createHash('sha256')
    .update(canonicalJson([policy.id, target]))
    .digest('hex')
    .slice(0, 12)}`;

/** The target that ids or names stand for: an API, a consumer, an API for one consumer, or the whole tenant. Throws `not_found`. */
export async function targetOf(db: Db, tenant: string, api: string | undefined, consumer: string | undefined): Promise<PolicyTarget> {
  const consumerName = consumer === undefined ? undefined : (await requireResource(db, 'Consumer', tenant, consumer)).name;
  if (api !== undefined) {
    const { name } = await requireResource(db, 'API', tenant, api);
    return { kind: 'API', name, ...(consumerName === undefined ? {} : { consumer: consumerName }) };
  }
  return consumerName === undefined ? { kind: 'Tenant', name: tenant } : { kind: 'Consumer', name: consumerName };
}

/** Binds a policy. Throws `conflict` when it is bound there already. */
export async function bindPolicy(cp: ControlPlane, actor: Actor, policy: StoredResource, target: PolicyTarget): Promise<Binding> {
  const bound = await commit(cp, async (trx) => {
    const now = await requireResource(trx, 'Policy', policy.tenant, policy.id);
    const { targets } = specOf(now);
    if (targets.some((known) => canonicalJson(known) === canonicalJson(target))) {
      throw new StoaError('conflict', `Policy "${now.name}" is bound to this ${target.kind} already.`);
    }
    return putResource(cp, trx, actor, { ...keyOf(now), spec: { ...now.spec, targets: [...targets, target] } });
  });
  const [binding] = (await listBindings(cp.db, bound)).filter(({ id }) => id === bindingId(bound, target));
  if (binding === undefined) throw new StoaError('not_found', 'The binding was removed by another request at the same time.');
  return binding;
}

/** Takes a binding away. A policy that loses its last one governs nothing, rather than the whole tenant. */
export async function unbindPolicy(cp: ControlPlane, actor: Actor, policy: StoredResource, id: string): Promise<void> {
  await commit(cp, async (trx) => {
    const now = await requireResource(trx, 'Policy', policy.tenant, policy.id);
    const targets = specOf(now).targets.filter((target) => bindingId(now, target) !== id);
    const spec: JsonObject = {
      ...now.spec,
      targets: targets as unknown as JsonObject[],
      ...(targets.length === 0 ? { scope: 'api' } : {}),
    };
    return putResource(cp, trx, actor, { ...keyOf(now), spec });
  });
}

const keyOf = ({ kind, tenant, name }: StoredResource): Pick<StoredResource, 'kind' | 'tenant' | 'name'> => ({ kind, tenant, name });

/** The bindings of a policy. */
export async function listBindings(db: Db, policy: StoredResource): Promise<Binding[]> {
  const { targets } = specOf(policy);
  const { tenant } = policy;
  const keys = targets.flatMap(({ kind, name, consumer }) => [
    { kind, tenant, name },
    ...(consumer === undefined ? [] : [{ kind: 'Consumer', tenant, name: consumer }]),
  ]);
  const ids = new Map((await resourcesByKey(db, keys)).map(({ kind, name, id }) => [`${kind} ${name}`, id]));
  return targets.map((target) => {
    const consumer = target.kind === 'Consumer' ? target.name : target.consumer;
    return {
      id: bindingId(policy, target),
      policy_id: policy.id,
      tenant_id: tenant,
      api_catalog_id: target.kind === 'API' ? (ids.get(`API ${target.name}`) ?? null) : null,
      consumer_id: consumer === undefined ? null : (ids.get(`Consumer ${consumer}`) ?? null),
    };
  });
}
