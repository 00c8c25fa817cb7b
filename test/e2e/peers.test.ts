/** The commands of docs/peers.md: each "yes" of ours is tried. */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplesOf, pathWithNpx, runExamples, settled } from '../helpers/console.js';
import { startCountedControlPlane, type CountedControlPlane } from '../helpers/counted-control-plane.js';
import { ROOT } from '../helpers/stack.js';

const PAGE = readFileSync(join(ROOT, 'docs/peers.md'), 'utf8');

let directory: string;
let control: CountedControlPlane;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-peers-')));
  for (const name of ['stoa.config.yaml', 'examples', 'docs']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  control = await startCountedControlPlane();
});

afterAll(async () => {
  await control.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('shows what its commands really print', async () => {
  const examples = examplesOf(PAGE);

  const printed = await runExamples(
    examples.map(({ command }) => command),
    { cwd: directory, env: { ...control.env, PATH: pathWithNpx(directory) } },
  );

  expect(examples.length).toBeGreaterThan(15);
  const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '')}`);
  expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output)}`));
}, 120_000);

it('names no test of ours that is not there, and no link that is not given', () => {
  const [table = ''] = /(^\|.*\n)+/m.exec(PAGE) ?? [];
  const tests = [...table.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, file = '']) => file);
  const links = [...table.matchAll(/\]\[([\w-]+)\]/g)].map(([, name = '']) => name);

  expect(tests.length).toBeGreaterThan(3);
  for (const file of tests) expect(readFileSync(join(ROOT, file), 'utf8')).not.toBe('');
  for (const name of links) expect(PAGE).toMatch(new RegExp(`^\\[${name}\\]: https://`, 'm'));
});
