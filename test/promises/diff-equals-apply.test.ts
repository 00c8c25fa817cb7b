/** Promises 4 and 7 of the command line: what is shown is what is done, to the field, and nothing goes that was not listed. */
import { expect, it } from 'vitest';
import type { ApplyResult, Plan } from '../../schema/change.js';
import { keyOf } from '../../schema/resource.js';
import { commit } from '../../gateway/control-plane/context.js';
import { putResource } from '../../gateway/control-plane/resources/put.js';
import { ADMIN } from '../helpers/lived-state.js';
import { differenceOf, differingPlaces, liveOf } from './live.js';
import { openScenario, scenarios } from './scenarios.js';

const cases = scenarios().map((scenario) => [scenario.name, scenario] as const);
const planOf = (stdout: string): Plan => {
  const answer = JSON.parse(stdout) as Plan | ApplyResult;
  return 'plan' in answer ? answer.plan : answer;
};
const keysOf = ({ changes }: Plan, action: string): string[] =>
  changes
    .filter((change) => change.action === action)
    .map(keyOf)
    .sort();

it.each(cases)('what diff shows is what apply does, and nothing goes that it did not list: %s', async (_name, scenario) => {
  const { plan, apply, cwd, env } = scenario;
  const bench = await openScenario(scenario);
  const before = await liveOf(bench);
  const writes = bench.database.writes();

  const shown = await bench.run([...plan, '-o', 'json'], { cwd, env });
  const text = await bench.run(plan, { cwd, env });
  const writesOfPlan = bench.database.writes() - writes;
  const done = await bench.run([...apply, '-o', 'json'], { cwd, env });
  const after = await liveOf(bench);

  expect(writesOfPlan).toBe(0);
  if (done.exitCode !== 0) expect(differenceOf(before, after)).toEqual({ created: [], updated: [], deleted: [] });
  else {
    expect(planOf(done.stdout)).toEqual(planOf(shown.stdout));
    expectDone(planOf(shown.stdout), before, after);
    expectListed(text.stdout, before, after);
  }
  await bench.close();
});

type State = Awaited<ReturnType<typeof liveOf>>;

/** A plan against what became of the database: every resource, and every place of what was changed. */
function expectDone(plan: Plan, before: State, after: State): void {
  const { created, updated, deleted } = differenceOf(before, after);
  const also = new Set(plan.changes.flatMap(({ dependents = [] }) => dependents));
  const own = (keys: readonly string[]): string[] => keys.filter((key) => !also.has(key));
  expect(created).toEqual(keysOf(plan, 'create'));
  expect(own(updated)).toEqual(own(keysOf(plan, 'update')));
  expect(own(deleted)).toEqual(own(keysOf(plan, 'delete')));
  const covers = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}.`);
  const touches = (a: string, b: string): boolean => covers(a, b) || covers(b, a);
  for (const change of plan.changes.filter(({ action }) => action === 'update')) {
    const places = differingPlaces(before.get(keyOf(change))?.state, after.get(keyOf(change))?.state);
    const told = change.fields.filter(({ after: value }) => value !== '[secret]').map(({ path }) => path);
    expect(places.filter((place) => !told.some((path) => touches(path, place)))).toEqual([]);
    expect(told.filter((path) => !places.some((place) => touches(path, place)))).toEqual([]);
  }
}

/** Every resource that has gone stands in the text, as a delete or with one. */
function expectListed(text: string, before: State, after: State): void {
  const listed = new Set(text.split('\n').flatMap(listedBy));
  const withoutTenant = (key: string): string => key.replace(/ \S*\//, ' ');
  expect(differenceOf(before, after).deleted.filter((key) => !listed.has(key) && !listed.has(withoutTenant(key)))).toEqual([]);
}

/** The resource that a line of a plan says will go. */
function listedBy(line: string): string[] {
  const [, own, along] = /^ {2}- (\S+ \S+)$|goes or breaks with it: (\S+ \S+)$/.exec(line) ?? [];
  return [own ?? along ?? []].flat();
}

const prunes = cases.filter(([, { apply }]) => apply.includes('--prune'));

it.each(prunes)('nothing goes without --prune: %s', async (_name, scenario) => {
  const { apply, cwd, env } = scenario;
  const bench = await openScenario(scenario);
  const before = await liveOf(bench);

  await bench.run(
    apply.filter((argument) => argument !== '--prune'),
    { cwd, env },
  );

  expect(differenceOf(before, await liveOf(bench)).deleted).toEqual([]);
  await bench.close();
});

it.each(cases)('a resource that moves between the plan and its apply stops it: %s', async (_name, scenario) => {
  const { plan, apply, cwd, env } = scenario;
  const bench = await openScenario(scenario);
  const shown = await bench.run([...plan, '-o', 'json'], { cwd, env });
  const moved = shown.exitCode === 0 ? planOf(shown.stdout).changes.find(({ action }) => action === 'update') : undefined;
  const row = await bench.plane.cp.db
    .selectFrom('resources')
    .selectAll()
    .where('name', '=', moved?.name ?? '')
    .where('kind', '=', moved?.kind ?? '')
    .executeTakeFirst();
  let held = '';
  if (row !== undefined)
    bench.before('/v1/apply', async () => {
      const { kind, tenant, name } = row;
      const draft = { kind, tenant, name, spec: JSON.parse(row.spec) as unknown, labels: { moved: 'yes' } };
      await commit(bench.plane.cp, (trx) => putResource(bench.plane.cp, trx, ADMIN, draft));
      held = bench.database.dump();
    });

  const result = await bench.run([...apply, '-o', 'json'], { cwd, env });

  if (row !== undefined && planOf(shown.stdout).refusals.length === 0) {
    expect(result).toMatchObject({ exitCode: 5 });
    expect(bench.database.dump()).toBe(held);
    expect(result.stdout).toContain(`${keyOf(row)} has changed since the plan was made: service-account-test wrote it at`);
  }
  await bench.close();
});
