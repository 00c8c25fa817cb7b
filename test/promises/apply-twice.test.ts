/** Promise 1 of the command line: whatever an apply has done, a second one writes nothing and asks once. */
import { expect, it } from 'vitest';
import { openScenario, scenarios } from './scenarios.js';

const CERTAIN = [0, 4, 5, 6, 7];

it.each(scenarios().map((scenario) => [scenario.name, scenario] as const))(
  'a second apply changes nothing: %s',
  async (_name, scenario) => {
    const { apply, cwd, env } = scenario;
    const bench = await openScenario(scenario);
    const first = await bench.run([...apply, '-o', 'json'], { cwd, env });
    const [before, writes] = [bench.database.dump(), bench.database.writes()];
    bench.takeRequests();

    const second = await bench.run([...apply, '-o', 'json'], { cwd, env });

    const requests = bench.takeRequests().filter((line) => line.startsWith('POST /v1/'));
    expect(CERTAIN, first.stdout).toContain(first.exitCode);
    expect(bench.database.writes()).toBe(writes);
    expect(bench.database.dump()).toBe(before);
    if (first.exitCode !== 0) expect(second).toEqual(first);
    else if (apply[0] === 'delete') expect(second.exitCode).toBe(4);
    else {
      expect(requests).toEqual(['POST /v1/plan']);
      expect(JSON.parse(second.stdout)).toMatchObject({ applied: false, plan: { changes: [], refusals: [] } });
    }
    await bench.close();
  },
);
