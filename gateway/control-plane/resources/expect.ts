/** The guard of a plan that somebody was shown: exactly that is applied, or nothing. */
import type { Change, ExpectedChange, Plan, PlanRequest } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf, type ResourceKey } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { findLastTouch } from './revision-store.js';

/** A change that was expected and is another now, or none; or one that nobody expected. */
type Moved = { readonly was: ExpectedChange; readonly is: Change | undefined } | { readonly was: undefined; readonly is: Change };

/** Throws `conflict` that says who changed which resource and when, unless the plan has exactly the changes that were expected. */
export async function requireExpected(trx: Trx, expect: PlanRequest['expect'], plan: Plan): Promise<void> {
  if (expect === undefined) return;
  const planned = new Map(plan.changes.map((change) => [keyOf(change), change]));
  const expected = new Set(expect.map(keyOf));
  const moved: Moved[] = [
    ...expect.flatMap((was) => (isSameChange(planned.get(keyOf(was)), was) ? [] : [{ was, is: planned.get(keyOf(was)) }])),
    ...plan.changes.flatMap((is) => (expected.has(keyOf(is)) ? [] : [{ was: undefined, is }])),
  ];
  const [first] = moved;
  if (first === undefined) return;
  const diagnostics = await Promise.all(
    moved.slice(0, 100).map(async (each) => ({
      severity: 'error' as const,
      code: 'conflict',
      message: await describe(trx, each),
      path: keyOf(keyIn(each)),
    })),
  );
  const more = moved.length === 1 ? '' : ` ${moved.length - 1} more have changed.`;
  throw new StoaError('conflict', `${await describe(trx, first)}${more}`, { hint: 'Run "stoactl diff" again, then apply.', diagnostics });
}

const isSameChange = (change: Change | undefined, { action, version, dependents, digest }: ExpectedChange): boolean =>
  change?.action === action &&
  change.version === version &&
  (dependents === undefined || isSameSet(change.dependents ?? [], dependents)) &&
  (digest === undefined || change.digest === digest);

const isSameSet = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && new Set([...a, ...b]).size === a.length;

const keyIn = ({ was, is }: Moved): ResourceKey => {
  const { kind, tenant, name } = was ?? is;
  return { kind, tenant, name };
};

async function describe(trx: Trx, moved: Moved): Promise<string> {
  const { was, is } = moved;
  const key = keyOf(keyIn(moved));
  if (was !== undefined && is?.action === was.action && is.version === was.version)
    return was.digest !== undefined && was.digest !== is.digest
      ? `What ${key} is to become is not what was planned: a field, a variable or a secret has another value.`
      : `What goes with ${key} has changed since the plan was made: it is now ${is.dependents?.join(', ') ?? 'nothing'}.`;
  const touch = await findLastTouch(trx, keyIn(moved));
  const who = touch === undefined ? '' : `: ${touch.by} wrote it at ${touch.at}`;
  return was === undefined
    ? `${key} would be changed now, which was not planned${who}.`
    : `${key} has changed since the plan was made${who}.`;
}
