/** The pages that people write by hand: links lead somewhere, lists are whole. README's commands are run by their own test. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const listDocs = (): string[] =>
  readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
const pages = ['CHANGELOG.md', 'CONTRIBUTING.md', ...listDocs()];

describe('docs/dependencies.md', () => {
  const page = read('docs/dependencies.md');
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const [runtime = '', development = ''] = page.split('## For development');
  const rows = (text: string): string[] => [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name ?? '');

  it('has one line for each dependency, in the section where it belongs, and none for any other', () => {
    expect(rows(runtime).sort()).toEqual(Object.keys(dependencies ?? {}).sort());
    expect(rows(development).sort()).toEqual(Object.keys(devDependencies ?? {}).sort());
  });

  it('tells the truth about exact versions', () => {
    const versions = Object.values({ ...dependencies, ...devDependencies }).map((version) => version.replace(/^npm:.+@/, ''));

    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

describe('docs/decisions', () => {
  const decisions = readdirSync(path.join(root, 'docs/decisions')).sort();

  it('are numbered without a gap, and say their context, decision and consequences', () => {
    expect(decisions.map((name) => Number(name.slice(0, 4)))).toEqual(decisions.map((_name, index) => index + 1));
    for (const name of decisions) {
      const text = read(`docs/decisions/${name}`);
      expect(text, name).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
      for (const part of ['**Context.**', '**Decision.**', '**Consequences.**']) expect(text, name).toContain(part);
    }
  });
});

it('the guide to the admin API leads to quotas and to who may do what, as document D does (AD25)', () => {
  const page = read('docs/guide/gateway-admin.md');

  for (const link of ['../reference/policies/quota.md', '../reference/roles.md']) expect(page).toContain(`](${link})`);
});

describe('docs/architecture.md', () => {
  it('names only files and folders that exist', () => {
    const named = [...read('docs/architecture.md').matchAll(/`((?:schema|gateway|cli|test|bin)\/[\w./-]+)`/g)].map(
      ([, file]) => file ?? '',
    );

    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });
});

describe.each(pages)('%s', (page) => {
  it('links only to files that exist', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link ?? '');

    const broken = links.filter((link) => !existsSync(path.resolve(root, path.dirname(page), link)));

    expect(broken).toEqual([]);
  });
});
