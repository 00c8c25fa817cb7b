/** Carries out the recipes of CONTRIBUTING.md in a copy of the tree: files are written, lists are edited, commands are run. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const FOLDERS = ['bin', 'cli', 'docs', 'gateway', 'schema', 'scripts', 'test'];
const FILES = ['package.json', 'tsconfig.json', 'vitest.config.ts', 'CHANGELOG.md', 'CONTRIBUTING.md'];

interface Block {
  readonly language: string;
  readonly file: string;
  readonly text: string;
}

const page = readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8');
const recipes = page
  .split(/^## /m)
  .filter((section) => section.startsWith('Add a '))
  .map((section) => ({ title: section.split('\n', 1)[0] ?? '', steps: stepsOf(section), blocks: blocksOf(section) }));

function stepsOf(section: string): number[] {
  return [...section.matchAll(/^(\d+)\. /gm)].map(([, step]) => Number(step));
}

function blocksOf(section: string): Block[] {
  return [...section.matchAll(/^ {3}```(\w+)(?: (\S+))?\n([^]*?)^ {3}```$/gm)].map(([, language = '', file = '', text = '']) => ({
    language,
    file,
    text: text.replace(/^ {3}/gm, ''),
  }));
}

/** Applies the hunks of a diff: the old lines have to be there, once, as they are. */
function applyDiff(text: string, diff: string): string {
  return diff.split('@@\n').reduce((before, hunk) => {
    const lines = hunk.split('\n').filter((line) => line !== '');
    const side = (sign: string): string =>
      lines.flatMap((line) => (line.startsWith(' ') || line.startsWith(sign) ? [`${line.slice(1)}\n`] : [])).join('');
    expect(before.split(side('-')), `The list no longer holds:\n${side('-')}`).toHaveLength(2);
    return before.replace(side('-'), () => side('+'));
  }, text);
}

describe('CONTRIBUTING.md', () => {
  let copy = '';

  beforeAll(() => {
    copy = mkdtempSync(path.join(tmpdir(), 'stoa-contributing-'));
    for (const name of [...FOLDERS, ...FILES]) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
    // A folder of its own, since the compiler keeps its state inside.
    mkdirSync(path.join(copy, 'node_modules'));
    for (const name of readdirSync(path.join(root, 'node_modules')).filter((entry) => entry === '.bin' || !entry.startsWith('.')))
      symlinkSync(path.join(root, 'node_modules', name), path.join(copy, 'node_modules', name));
  });

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  const run = (command: string): string => {
    const [program = '', ...args] = command.split(' ');
    try {
      return execFileSync(program, args, {
        cwd: copy,
        encoding: 'utf8',
        stdio: 'pipe',
        env: { ...process.env, NO_COLOR: '1', VITEST: undefined },
      });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`"${command}" failed:\n${stdout}\n${stderr}`, { cause: error });
    }
  };

  it('has a recipe for a kind, a policy type and a command, in numbered steps', () => {
    expect(recipes.map(({ title }) => title)).toEqual(['Add a resource kind', 'Add a policy type', 'Add a command']);
    for (const { title, steps } of recipes) expect(steps, title).toEqual(steps.map((_, index) => index + 1));
  });

  it.each(recipes)('"$title" works as it is written', { timeout: 120_000 }, ({ blocks }) => {
    const commands = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trim().split('\n'));

    for (const { language, file, text } of blocks.filter((block) => block.file !== '')) {
      const target = path.join(copy, file);
      writeFileSync(target, language === 'diff' ? applyDiff(readFileSync(target, 'utf8'), text) : text);
    }
    const outputs = commands.map(run);

    expect(commands.length).toBeGreaterThanOrEqual(2);
    expect(outputs.at(-1)).toMatch(/Tests +\d+ passed/);
    expect(outputs.at(-1)).not.toContain('failed');
  });

  it('leaves a tree that compiles', { timeout: 120_000 }, () => {
    expect(run('npm run types')).not.toContain('error TS');
  });
});
