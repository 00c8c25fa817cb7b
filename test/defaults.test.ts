/** docs/defaults.md tells the truth: its tables are what the programs do, its commands run as they stand there. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FLAGS as CONTROL_PLANE } from '../gateway/control-plane/settings.js';
import { FLAGS as GATEWAY } from '../gateway/data-plane/settings.js';
import { defaultOf, type FlagTexts } from '../gateway/process-settings.js';
import { api } from '../schema/kinds/api.js';
import { cleanEnv, ROOT } from './helpers/stack.js';

const page = readFileSync(path.join(ROOT, 'docs/defaults.md'), 'utf8');
const section = (title: string): string => page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const rows = (title: string): Record<string, string> =>
  Object.fromEntries(
    [...section(title).matchAll(/^\| `([\w-]+)` +\| (.+?) +\| .+ \|$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
const isHere = spawnSync('curl', ['--version']).error === undefined;
if (!isHere) console.warn('curl is not installed: the commands of docs/defaults.md are skipped.');

describe('docs/defaults.md', () => {
  it.each([
    ['Control plane', CONTROL_PLANE],
    ['Gateway', GATEWAY],
  ] as const)('%s: has each flag with its default', (title, flags: FlagTexts) => {
    const expected = Object.entries(flags).map(([name, flag]) => [`--${name}`, defaultOf(flag)?.replace(/^default:? /, '')]);

    expect(rows(title)).toEqual(Object.fromEntries(expected));
  });

  it('has the defaults of an API', () => {
    const spec = api.spec.parse({ path: '/a', upstream_url: 'https://a.example.com' }) as Record<string, unknown>;

    expect(rows('An API')).toEqual(Object.fromEntries(Object.keys(rows('An API')).map((field) => [field, String(spec[field])])));
    expect(Object.keys(rows('An API')).length).toBeGreaterThan(4);
  });

  it('names every default that either server tells', () => {
    for (const flags of [CONTROL_PLANE, GATEWAY] as readonly FlagTexts[])
      expect(Object.entries(flags).filter(([, flag]) => defaultOf(flag) === undefined)).toEqual([]);
  });

  it.skipIf(!isHere)('says what its commands do', { timeout: 60_000 }, async () => {
    const script = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text]) => text).join('\n');

    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: ROOT, env: cleanEnv() });

    expect(stdout).toContain('--allow-private-upstreams true|false');
    expect(stdout.match(/^refused$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/"status":"ok".*503\n/s);
    expect(stderr).toContain('STOA_ADMIN_TOKEN is not safe in production: it is shorter than 24 characters.');
    expect(stderr).toContain('STOA_CLIENT_SECRET is needed in production');
  });
});
