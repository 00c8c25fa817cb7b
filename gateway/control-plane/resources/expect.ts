/** The guard of a plan that somebody was shown: exactly that is applied, or nothing. */
import type { ApplyRequest, Change, Plan } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf, type ResourceKey } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { findLastTouch } from './revision-store.js';

type Expected = NonNullable<ApplyRequest['expect']>[number];

/** Throws `conflict` that says who changed which resource and when, unless the plan has exactly the changes that were expected. */
export async function requireExpected(trx: Trx, expect: ApplyRequest['expect'], plan: Plan): Promise<void> {
  if (expect === undefined) return;
  const planned = new Map(plan.changes.map((change) => [keyOf(change), change]));
  const expected = new Map(expect.map((change) => [keyOf(change), change]));
  const moved = [
    ...expect.filter((change) => !isSameChange(planned.get(keyOf(change)), change)),
    ...plan.changes.filter((change) => !expected.has(keyOf(change))),
  ];
  const [first] = moved;
  if (first === undefined) return;
  const diagnostics = await Promise.all(
    moved
      .slice(0, 100)
      .map(async (key) => ({ severity: 'error' as const, code: 'conflict', message: await describe(trx, key), path: keyOf(key) })),
  );
  const more = moved.length === 1 ? '' : ` ${moved.length - 1} more have changed.`;
  throw new StoaError('conflict', `${await describe(trx, first)}${more}`, { hint: 'Run "stoactl diff" again, then apply.', diagnostics });
}

const isSameChange = (change: Change | undefined, { action, version }: Expected): boolean =>
  change?.action === action && change.version === version;

async function describe(trx: Trx, key: ResourceKey): Promise<string> {
  const touch = await findLastTouch(trx, key);
  const who = touch === undefined ? '' : `: ${touch.by} wrote it at ${touch.at}`;
  return `${keyOf({ kind: key.kind, tenant: key.tenant, name: key.name })} has changed since the plan was made${who}.`;
}
