/** Promise 3 of the command line: whatever fails, and wherever, everything is as it was, or all of it is done and the exit code says so. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { FAULTS, openWorkbench, type Fault, type Workbench } from '../helpers/workbench.js';
import { examples, generated, golden, openScenario, type Scenario } from './scenarios.js';

/** One at a time, an apply with each of the disturbances, until it is done: then what holds is told by its exit code. */
async function expectWhole(scenario: Scenario, bench: Workbench, disturb: () => void, what: string): Promise<'nothing' | 'all'> {
  const before = bench.database.dump();
  bench.takeRequests();
  bench.database.take();
  disturb();
  const { exitCode, stdout, stderr } = await bench.run([...scenario.apply, '--timeout', '1s'], scenario);
  bench.database.take();
  bench.takeRequests();
  const isAll = bench.database.dump() !== before;
  if (!isAll) {
    expect([what, exitCode, stdout]).toEqual([what, expect.any(Number) as number, expect.not.stringMatching(/^Applied/m) as string]);
    expect(exitCode, `${what}\n${stdout}${stderr}`).not.toBe(0);
    return 'nothing';
  }
  await expectDone(scenario, bench, what);
  if (exitCode === 0) expect(stdout).toMatch(/^Applied as revision/m);
  else expect(stderr, what).toMatch(/^Error: .+\n.+/m);
  return 'all';
}

/** What the apply was to do is done, all of it: nothing is left to do. */
async function expectDone({ plan, apply, cwd, env }: Scenario, bench: Workbench, what: string): Promise<void> {
  const { stdout, exitCode } = await bench.run([...plan, '-o', 'json'], { cwd, env });
  if (apply[0] === 'delete') expect(exitCode, what).toBe(4);
  else expect(JSON.parse(stdout), what).toMatchObject({ changes: [] });
}

/** The request by which an apply of the scenario is done, and how many statements it takes; undefined for one that is refused. */
async function applyOf(
  scenario: Scenario,
): Promise<{ readonly send: (bench: Workbench) => Promise<number>; readonly statements: number } | undefined> {
  const bench = await openScenario(scenario);
  await bench.run(scenario.apply, scenario);
  const asked = bench.lastApply();
  await bench.close();
  if (asked === undefined) return undefined;
  const send = async (on: Workbench): Promise<number> => {
    const headers = { ...asked.headers, authorization: `Bearer ${on.plane.token}`, 'idempotency-key': randomUUID() };
    const { statusCode } = await on.plane.app.inject({ method: 'POST', url: '/v1/apply', headers, payload: asked.payload });
    return statusCode;
  };
  const fresh = await openScenario(scenario);
  expect(await send(fresh)).toBe(200);
  const statements = fresh.database.take().length;
  await fresh.close();
  return { send, statements };
}

const everything = [...examples(), ...golden(), ...generated(4)];

it.each(everything.map((scenario) => [scenario.name, scenario] as const))('every statement fails in turn: %s', async (_name, scenario) => {
  const apply = await applyOf(scenario);
  if (apply === undefined) return;
  const { send, statements } = apply;
  let bench = await openScenario(scenario);
  let before = bench.database.dump();
  let refused = 0;
  // A statement that is done and then reported as failed: the golden cases would add nothing to the others but time.
  for (const isDone of scenario.name.startsWith('golden') ? [false] : [false, true])
    for (let at = 0; at < statements; at++) {
      bench.database.take();
      bench.database.disturb({ at, isDone, stays: !isDone });
      const status = await send(bench);
      bench.database.take();
      const what = `statement ${at} of ${statements}, ${isDone ? 'done, alone' : 'not done, nor any after it'}`;
      if (bench.database.dump() === before) {
        expect([what, status]).toEqual([what, 503]);
        refused++;
        continue;
      }
      await expectDone(scenario, bench, what);
      await bench.close();
      bench = await openScenario(scenario);
      before = bench.database.dump();
    }
  expect(refused).toBeGreaterThan(statements / 2);
  await bench.close();
});

/** How many requests an apply of a scenario takes. */
async function requestsOf(scenario: Scenario): Promise<number> {
  const bench = await openScenario(scenario);
  await bench.run(scenario.apply, scenario);
  const count = bench.takeRequests().length;
  await bench.close();
  return count;
}

const faulty = FAULTS.flatMap((fault) => [false, true].map((stays) => [fault, stays] as const));
const [quickstart] = examples();
const [, changed] = generated(2);

it.each(faulty)('every request meets a fault in turn: %s, stays %s', async (fault: Fault, stays) => {
  for (const scenario of [quickstart, changed]) {
    if (scenario === undefined) continue;
    const requests = await requestsOf(scenario);
    for (let at = 0; at < requests; at++) {
      const bench = await openScenario(scenario);
      await expectWhole(scenario, bench, () => bench.disturb(fault, at, { stays }), `${fault} at request ${at} of ${scenario.name}`);
      await bench.close();
    }
  }
});

it('a set of which the last part is wrong is refused whole, whatever comes before it', async () => {
  const bench = await openWorkbench();
  const { token } = bench.plane;
  const before = bench.database.dump();
  const resources = [
    { kind: 'Tenant', tenant: 'acme', name: 'acme', labels: {}, annotations: {}, spec: {} },
    { kind: 'API', tenant: 'acme', name: 'a', labels: {}, annotations: {}, spec: { path: '/a' } },
  ];

  const { status } = await bench.plane.send('POST /v1/apply', { project: 'shop', resources }, { token });

  expect(status).toBe(400);
  expect(bench.database.dump()).toBe(before);
  await bench.close();
});
