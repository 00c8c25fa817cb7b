/** What a manifest cannot say: that a subscription which is declared opens nothing any more. */
import type { PlanRequest } from '../../../schema/change.js';
import type { Diagnostic } from '../../../schema/error.js';
import { keyOf } from '../../../schema/resource.js';
import type { Db } from '../context.js';
import { ownedSubscriptions } from './store.js';

const HINTS = {
  revoked: 'Take it out of the manifests; after an apply it can be declared anew.',
  rejected: 'Take it out of the manifests; after an apply it can be declared anew.',
  suspended: 'Resume it with "stoactl subscriptions resume", or take it out of the manifests.',
} as const;
/** More are not told of. */
const MOST = 1000;

/** Notes on the subscriptions of a set whose keys do not work, whatever the set says of them. */
export async function restingNotes(db: Db, { project, resources }: PlanRequest): Promise<Diagnostic[]> {
  const resting = await ownedSubscriptions(db, project, Object.keys(HINTS), MOST);
  const declared = new Set(resting.length === 0 ? [] : resources.map(keyOf));
  return resting.flatMap(({ tenant, name, status }): Diagnostic[] => {
    const resource = keyOf({ kind: 'Subscription', tenant, name });
    if (!declared.has(resource)) return [];
    const message = `${resource} is declared and ${status}: it opens nothing.`;
    return [{ severity: 'note', code: 'not_active', message, hint: HINTS[status as keyof typeof HINTS], path: '', resource }];
  });
}
