/** Consumers over REST have free names; a resource's name is a label, unique in its tenant. */
import { createHash } from 'node:crypto';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import { toResourceName } from '../../../schema/name.js';
import { commit, type Actor, type ControlPlane, type Trx } from '../context.js';
import { putResource } from '../resources/put.js';
import { nameIn } from '../resources/rest.js';
import { findResource } from '../resources/store.js';

const MAX_NAME = 63;

/** Creates a consumer. Throws `validation_error`, or `conflict` when its external_id is known already. */
export function createConsumer(cp: ControlPlane, actor: Actor, tenant: string, body: JsonObject): Promise<StoredResource> {
  return commit(cp, (trx) => addConsumer(cp, trx, actor, tenant, body));
}

/** The same, in a transaction of somebody else. */
export async function addConsumer(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  tenant: string,
  { name, ...fields }: JsonObject,
): Promise<StoredResource> {
  const wanted = nameIn({ name: name ?? fields['external_id'] });
  const free = wanted === '' ? '' : await freeName(trx, tenant, labelOf(wanted, fields['external_id']), fields['external_id']);
  const spec = free === wanted || 'display_name' in fields ? fields : { display_name: wanted, ...fields };
  return putResource(cp, trx, actor, { kind: 'Consumer', tenant, name: free, spec }, { isNew: true });
}

/** A name without a letter or digit that could stand in a label gives way to the external id, and that to a label made of the name. */
const labelOf = (name: string, externalId: unknown): string =>
  toResourceName(name) ?? (typeof externalId === 'string' ? toResourceName(externalId) : undefined) ?? `consumer-${digest(name)}`;

/** Another consumer of the same name is told apart by the external id. Without one the name stays, and its creation is a conflict. */
async function freeName(trx: Trx, tenant: string, label: string, externalId: unknown): Promise<string> {
  if (typeof externalId !== 'string') return label;
  const suffix = toResourceName(externalId) ?? digest(externalId);
  for (const name of [label, join(label, suffix), join(label, digest(externalId))]) {
    if ((await findResource(trx, 'Consumer', tenant, name)) === undefined) return name;
  }
  return label;
}

const join = (label: string, suffix: string): string =>
  `${label.slice(0, Math.max(1, MAX_NAME - 1 - suffix.length)).replace(/-+$/, '')}-${suffix}`.slice(0, MAX_NAME).replace(/-+$/, '');

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
