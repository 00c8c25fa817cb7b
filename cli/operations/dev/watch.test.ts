import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchDirectories, type DirectoryWatch } from './watch.js';

let root: string;
let calls: number;
let watching: DirectoryWatch;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stoa-watch-'));
  calls = 0;
  watching = watchDirectories(() => calls++, [join(root, 'data')]);
});

afterEach(() => {
  watching.close();
  rmSync(root, { recursive: true, force: true });
});

const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 250));

describe('the watch of directories', () => {
  it('makes one call of a burst of changes', async () => {
    await watching.follow({ trees: [root], directories: [] });

    for (let index = 0; index < 20; index++) writeFileSync(join(root, `${index}.yaml`), 'a');
    await settle();

    expect(calls).toBe(1);
  });

  it('notices a file that is replaced, as editors do', async () => {
    writeFileSync(join(root, 'a.yaml'), 'a');
    await watching.follow({ trees: [root], directories: [] });

    for (const text of ['b', 'c']) {
      writeFileSync(join(root, '.a.swp'), text);
      renameSync(join(root, '.a.swp'), join(root, 'a.yaml'));
      await settle();
    }

    expect(calls).toBe(2);
  });

  it('notices deletions, and files in directories that came later', async () => {
    writeFileSync(join(root, 'a.yaml'), 'a');
    await watching.follow({ trees: [root], directories: [] });

    rmSync(join(root, 'a.yaml'));
    mkdirSync(join(root, 'new'));
    await settle();
    expect(calls).toBe(1);
    await watching.follow({ trees: [root], directories: [] });
    writeFileSync(join(root, 'new', 'b.yaml'), 'b');
    await settle();

    expect(calls).toBe(2);
  });

  it('waits for a tree that is not there yet', async () => {
    await watching.follow({ trees: [join(root, 'deep', 'manifests')], directories: [] });

    mkdirSync(join(root, 'deep', 'manifests'), { recursive: true });
    await settle();

    expect(calls).toBe(1);
  });

  it('sees a directory that was replaced by another of the same name', async () => {
    mkdirSync(join(root, 'm'));
    await watching.follow({ trees: [root], directories: [] });
    rmSync(join(root, 'm'), { recursive: true });
    mkdirSync(join(root, 'm'));
    await settle();
    await watching.follow({ trees: [root], directories: [] });
    calls = 0;

    writeFileSync(join(root, 'm', 'a.yaml'), 'a');
    await settle();

    expect(calls).toBe(1);
  });

  it('leaves the data directory and node_modules alone', async () => {
    for (const name of ['data', 'node_modules', '.git']) mkdirSync(join(root, name));
    await watching.follow({ trees: [root], directories: [] });

    for (const name of ['data', 'node_modules', '.git']) writeFileSync(join(root, name, 'a.yaml'), 'a');
    await settle();

    expect(calls).toBe(0);
  });
});
