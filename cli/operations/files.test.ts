import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFiles, globExpression, readFiles, shownPath } from './files.js';

let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'stoactl-files-'));
  for (const file of [
    'b.yaml',
    'a.yml',
    'notes.md',
    'stoa.config.yaml',
    'deep/c.yaml',
    'deep/er/d.json',
    '.hidden/e.yaml',
    'node_modules/f.yaml',
  ]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `# ${file}\n`);
  }
});

afterAll(() => rmSync(root, { recursive: true }));

const find = (paths: string[], isRecursive = false): string[] =>
  findFiles({ paths, base: root, isRecursive }).map((file) => (file === '-' ? file : relative(root, file)));

describe('findFiles', () => {
  it('gives the manifests of a directory, sorted, without what is below it', () => {
    expect(find(['.'])).toEqual(['a.yml', 'b.yaml']);
  });

  it('gives what is below a directory when it is recursive, but nothing hidden and no node_modules', () => {
    expect(find(['.'], true)).toEqual(['a.yml', 'b.yaml', 'deep/c.yaml', 'deep/er/d.json']);
  });

  it.each([
    ['*.yaml', ['b.yaml']],
    ['*.{yaml,yml}', ['a.yml', 'b.yaml']],
    ['deep/*.yaml', ['deep/c.yaml']],
    ['**/*.json', ['deep/er/d.json']],
    ['deep/**', ['deep/c.yaml', 'deep/er/d.json']],
    ['[a-b].y?ml', ['b.yaml']],
  ])('expands %s', (glob, expected) => {
    expect(find([glob])).toEqual(expected);
  });

  it('says so when a directory gives nothing, and whether -R would', () => {
    mkdirSync(join(root, 'deep/empty/below'), { recursive: true });
    const failure = (path: string): unknown => {
      try {
        return find([path]);
      } catch (error) {
        return error;
      }
    };

    expect(failure('deep/empty')).toMatchObject({ code: 'not_found', hint: 'Check the path.' });
    writeFileSync(join(root, 'deep/empty/below/g.yaml'), '');
    expect(failure('deep/empty')).toMatchObject({
      message: 'There is no manifest in the directory "deep/empty": no .yaml, .yml or .json.',
      hint: 'There are some further below: add -R.',
    });
    rmSync(join(root, 'deep/empty'), { recursive: true });
  });

  it('gives each file once', () => {
    expect(find(['b.yaml', './b.yaml', '*.yaml'])).toEqual(['b.yaml']);
  });

  it('keeps stdin in its place', () => {
    expect(find(['b.yaml', '-'])).toEqual(['b.yaml', '-']);
  });

  it.each([
    ['nothing.yaml', 'There is no file or directory "nothing.yaml".'],
    ['*.toml', 'No file matches "*.toml".'],
  ])('says that %s is not there', (path, message) => {
    expect(() => find([path])).toThrow(message);
  });
});

describe('globExpression', () => {
  it('does not take a dot or a plus for more than they are', () => {
    expect([globExpression('a.b+c').test('a.b+c'), globExpression('a.b').test('axb')]).toEqual([true, false]);
  });
});

describe('readFiles', () => {
  it('names files relative to the working directory, and reads stdin', async () => {
    const texts = await readFiles([join(root, 'deep/c.yaml'), '-'], join(root, 'deep'), () => Promise.resolve('from stdin'));

    expect(texts).toEqual([
      { file: 'c.yaml', text: '# deep/c.yaml\n' },
      { file: '<stdin>', text: 'from stdin' },
    ]);
  });

  it('keeps the whole path of what is far away', () => {
    expect(shownPath('/etc/stoa/a.yaml', '/home/someone/project')).toBe('/etc/stoa/a.yaml');
  });
});
