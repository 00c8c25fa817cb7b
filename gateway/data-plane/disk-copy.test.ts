import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sealedText } from '../../test/helpers/sealed-text.js';
import type { SyncObjects } from '../../schema/sync.js';
import { ConfigSource, type AdminObjects } from './config-source.js';
import { createDiskCopy } from './disk-copy.js';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stoa-copy-'));
  directories.push(directory);
  return directory;
}

const objects = (keys: number): SyncObjects => ({
  resources: [
    {
      kind: 'API',
      tenant: 'acme',
      name: 'pay',
      id: 'api-1',
      spec: { path: '/pay' },
      labels: {},
      annotations: {},
      created_at: 'c',
      updated_at: 'u',
    },
  ],
  subscriptions: [{ id: 'sub-1', tenant: 'acme', name: 's', status: 'active', api: 'pay' }],
  credentials: Array.from({ length: keys }, (_, n) => ({
    id: `key-${String(n)}`,
    tenant: 'acme',
    subscription: 'sub-1',
    digest: String(n).padStart(64, '0'),
    status: 'active' as const,
    not_before: 0,
    not_after: null,
  })),
});
const admin: AdminObjects = {
  apis: [],
  policies: [
    { id: 'p', name: 'gold', policy_type: 'rate_limit', config: { limit: 1, window_secs: 1 }, priority: 1, api_id: 'a', created_at: 'c' },
  ],
};

function open(directory: string) {
  const problems: string[] = [];
  const source = new ConfigSource(() => undefined);
  const disk = createDiskCopy({ directory, source, onProblem: (problem) => problems.push(problem), debounceMs: 5 });
  return { source, disk, problems, file: join(directory, 'config.json') };
}

async function written(directory: string, keys = 1200) {
  const { source, disk, file } = open(directory);
  source.replace(objects(keys), { number: 7, store: 'st' });
  disk.changed(true);
  await disk.stop();
  return file;
}

describe('disk copy', () => {
  it('gives back after a restart what was held, and is readable by its owner alone', async () => {
    const directory = newDirectory();

    const file = await written(directory);

    expect(open(directory).disk.load()).toEqual({
      copy: { objects: objects(1200), position: { number: 7, store: 'st' } },
      admin: { apis: [], policies: [] },
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ format: 1, number: 7 });
    expect(readdirSync(directory)).toEqual(['config.json']);
  });

  it('finds nothing in an empty directory and says nothing of it', () => {
    const { disk, problems } = open(newDirectory());

    expect(disk.load().copy).toBeUndefined();
    expect(problems).toEqual([]);
  });

  it.each([
    ['cut off', (file: string) => truncateSync(file, statSync(file).size - 100)],
    ['cut in the middle', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['emptied', (file: string) => truncateSync(file, 0)],
    ['changed in one byte', (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace('"active"', '"actIve"'))],
    ['followed by something', (file: string) => writeFileSync(file, 'x', { flag: 'a' })],
  ])('reports a copy that was %s and leaves it untouched until the control plane gives a whole one', async (_what, damage) => {
    const directory = newDirectory();
    const file = await written(directory);
    damage(file);
    const before = readFileSync(file);

    const { disk, source, problems } = open(directory);
    expect(disk.load().copy).toBeUndefined();
    expect(problems).toEqual([expect.stringContaining('config.json is damaged')]);
    expect(disk.isDamaged()).toBe(true);
    source.change({ type: 'change', number: 8, put: objects(1), remove: { resources: [], subscriptions: [], credentials: [] } }, 'st');
    disk.changed(false);
    await disk.stop();
    expect(readFileSync(file).equals(before)).toBe(true);

    disk.changed(true);
    await disk.stop();
    expect(disk.isDamaged()).toBe(false);
    expect(open(directory).disk.load().copy?.position.number).toBe(8);
  });

  it('keeps the old copy when a write was torn before the new one was whole', async () => {
    const directory = newDirectory();
    const file = await written(directory);

    writeFileSync(`${file}.tmp`, '{"format":1,"number":9');

    expect(open(directory).disk.load().copy?.position.number).toBe(7);
  });

  it('goes on when the disk refuses, and writes later', async () => {
    const directory = newDirectory();
    const { disk, source, problems } = open(directory);
    source.replace(objects(1), { number: 7, store: 'st' });
    rmSync(directory, { recursive: true });

    disk.changed(true);
    await disk.stop();

    expect(problems).toEqual([expect.stringContaining('cannot be written')]);
  });

  it('has what the admin API registered on the disk when it returns', () => {
    const directory = newDirectory();

    open(directory).disk.saveAdmin(admin);

    expect(open(directory).disk.load().admin).toEqual(admin);
    expect(statSync(join(directory, 'admin.json')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['cut off', '{"half', 'it ends before its checksum'],
    ['of another version', sealedText({ format: 2, apis: [], policies: [] }), 'another version of the gateway wrote it'],
  ])(
    'never starts with nothing in the place of what the admin API had registered when that is %s: names the file and leaves it',
    (_what, text, reason) => {
      const directory = newDirectory();
      const file = join(directory, 'admin.json');
      writeFileSync(file, text);

      expect(() => open(directory).disk.load()).toThrow(
        expect.objectContaining({ code: 'conflict', message: expect.stringContaining(`is damaged: ${reason}. It was left as it is.`) }),
      );
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );
});
