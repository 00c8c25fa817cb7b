import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalog } from '../gateway/catalog.js';
import { generatedFiles } from '../scripts/generated-files.js';

const root = path.resolve(import.meta.dirname, '..');
const expected = generatedFiles();

describe('generated files', () => {
  it('include the pages of errors and of exit codes and the reference of every kind', () => {
    const names = [...expected.keys()];

    expect(names).toEqual(expect.arrayContaining(['docs/reference/errors.md', 'docs/reference/exit-codes.md']));
    for (const { plural } of catalog.kinds) expect(names).toEqual(expect.arrayContaining([`docs/reference/kinds/${plural}.md`]));
    for (const { type } of catalog.policyTypes) expect(names).toContain(`docs/reference/policies/${type}.md`);
    expect(names.filter((name) => name.endsWith('.json')).length).toBeGreaterThan(catalog.kinds.length);
  });

  it.each([...expected].map(([file, text]) => ({ file, text })))('$file is what "npm run generate" writes (CV12)', ({ file, text }) => {
    expect(existsSync(path.join(root, file)), `${file} is missing; run "npm run generate".`).toBe(true);
    expect(readFileSync(path.join(root, file), 'utf8') === text, `${file} is out of date; run "npm run generate".`).toBe(true);
  });

  it('are all there is in docs/reference', () => {
    const present = readdirSync(path.join(root, 'docs/reference'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));

    expect(present.filter((file) => !expected.has(file))).toEqual([]);
  });
});
