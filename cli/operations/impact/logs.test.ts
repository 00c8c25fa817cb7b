import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { requireLogs } from './logs.js';

const HERE = 'http://127.0.0.1:8080';

let directory: string;
const at = (name: string): string => join(directory, name);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoactl-logs-'));
  for (const name of ['a.log', 'a.log.1', 'b.log']) writeFileSync(at(name), '');
  symlinkSync(at('a.log'), at('link.log'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('takes logs that are different ones', async () => {
  await expect(requireLogs([at('a.log'), at('b.log'), '-'], HERE)).resolves.toBeUndefined();
  await expect(requireLogs([at('a.log.1')], HERE)).resolves.toBeUndefined();
});

it.each([
  ['the same path', ['a.log', 'a.log']],
  ['a link to it', ['a.log', 'link.log']],
  ['an older file of it', ['link.log', 'a.log.1']],
])('refuses a log that is named twice: by %s', async (_how, names) => {
  await expect(requireLogs(names.map(at), HERE)).rejects.toMatchObject({ code: 'usage_error', hint: expect.stringContaining('once') });
});

it('refuses the pipe twice, and no log for a server elsewhere', async () => {
  await expect(requireLogs(['-', '-'], HERE)).rejects.toMatchObject({ code: 'usage_error' });
  await expect(requireLogs([], 'https://stoa.example.com')).rejects.toMatchObject({ code: 'usage_error' });
});
