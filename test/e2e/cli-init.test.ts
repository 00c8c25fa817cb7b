/** `stoactl init`: what it writes works at once, and touches nothing that is there. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runStoactl, startStack } from '../helpers/stack.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-init-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const run = (...args: string[]) => runStoactl(args, { cwd: directory });

describe('stoactl init', () => {
  it('makes a repository that is valid, runs, and is applied without a change the second time', { timeout: 60_000 }, async () => {
    const made = await run('init', 'shop');
    const shop = path.join(directory, 'shop');

    expect([made.exitCode, made.stdout]).toEqual([0, expect.stringContaining('cd shop && stoactl dev')]);
    expect((await runStoactl(['validate'], { cwd: shop })).stdout).toContain('Valid: 5 resources');
    expect((await runStoactl(['fmt', '--check'], { cwd: shop })).exitCode).toBe(0);
    const stack = await startStack({ cwd: shop });
    try {
      expect((await stack.stoactl(['diff', '--exit-code'], { cwd: shop })).exitCode).toBe(0);
      const key = (await stack.stoactl(['rotate-key', 'shop/first-app', '--quiet'], { cwd: shop })).stdout.trim();
      const answer = await fetch(`${stack.urls.gateway}/apis/shop/hello/world`, { headers: { 'x-api-key': key } });
      expect(answer.status).toBe(200);
      expect(existsSync(path.join(shop, '.gitignore'))).toBe(true);
    } finally {
      await stack.stop();
    }
  });

  it('begins with the API of an OpenAPI document', async () => {
    writeFileSync(
      path.join(directory, 'spec.yaml'),
      'openapi: 3.0.0\ninfo: {title: Pets}\nservers: [{url: /v1}]\npaths: {/pets: {get: {}}}\n',
    );

    expect((await run('init', 'zoo', '--from', 'spec.yaml')).exitCode).toBe(6);
    expect(existsSync(path.join(directory, 'zoo'))).toBe(false);
    const { exitCode } = await run('init', 'zoo', '--from', 'spec.yaml', '--upstream', 'https://pets.example.com', '--name', 'animals');

    expect(exitCode).toBe(0);
    expect(readFileSync(path.join(directory, 'zoo/manifests/apis.yaml'), 'utf8')).toContain('name: pets\n  tenant: animals');
    expect((await runStoactl(['validate'], { cwd: path.join(directory, 'zoo') })).exitCode).toBe(0);
  });

  it('names what is in the way and writes nothing', async () => {
    writeFileSync(path.join(directory, '.gitignore'), 'mine\n');
    const { exitCode, stderr } = await run('init', '.', '--name', 'shop');

    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('Already there: .gitignore')]);
    expect(existsSync(path.join(directory, 'stoa.config.yaml'))).toBe(false);
    expect(readFileSync(path.join(directory, '.gitignore'), 'utf8')).toBe('mine\n');
    expect((await run('init', 'x', '--name', 'No Label')).exitCode).toBe(64);
  });
});
