/** The guard of a plan that somebody was shown: exactly that is applied, or nothing. */
import type { ApplyRequest, Change, ExpectedChange, Plan } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf, type ResourceKey } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { findLastTouch } from './revision-store.js';

type Expected = ResourceKey & Pick<Change, 'action' | 'version'>;

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
      .map(async (key) => ({ severity: 'error' as const, code: 'conflict', message: await describe(trx, key, planned), path: keyOf(key) })),
  );
  const more = moved.length === 1 ? '' : ` ${moved.length - 1} more have changed.`;
  throw new StoaError('conflict', `${await describe(trx, first, planned)}${more}`, {
    hint: 'Run "stoactl diff" again, then apply.',
    diagnostics,
  });
}

const isSameChange = (change: Change | undefined, { action, version, dependents }: ExpectedChange): boolean =>
  change?.action === action && change.version === version && (dependents === undefined || isSameSet(change.dependents ?? [], dependents));

const isSameSet = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && new Set([...a, ...b]).size === a.length;

async function describe(trx: Trx, key: Expected, planned: ReadonlyMap<string, Change>): Promise<string> {
  const change = planned.get(keyOf(key));
  if (change?.action === key.action && change.version === key.version)
    return `What goes with ${keyOf(key)} has changed since the plan was made: it is now ${change.dependents?.join(', ') ?? 'nothing'}.`;
  const touch = await findLastTouch(trx, key);
  const who = touch === undefined ? '' : `: ${touch.by} wrote it at ${touch.at}`;
  return `${keyOf({ kind: key.kind, tenant: key.tenant, name: key.name })} has changed since the plan was made${who}.`;
}
