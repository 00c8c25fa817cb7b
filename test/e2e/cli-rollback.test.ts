/** `stoactl rollback` against a real control plane. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, CANARY, json, shop, startCliCase, tenant, withSecret, type CliCase } from '../helpers/cli-case.js';

let cp: CliCase['cp'];
let applied: CliCase['applied'];
let suite: CliCase;

beforeAll(async () => {
  suite = await startCliCase();
  ({ cp, applied } = suite);
});

afterAll(() => suite.stop());

const run = (args: readonly string[], cwd: string, env: Record<string, string> = withSecret): ReturnType<CliCase['cp']['stoactl']> =>
  cp.stoactl(args, { cwd, env });

/** What is live in a tenant, without the numbers of its versions. */
async function live(owner: string): Promise<unknown[]> {
  const { body } = await cp.call('GET', `/v1/resources?tenant=${owner}&limit=100`);
  return (body as { resources: Record<string, unknown>[] }).resources.map(({ kind, name, spec, managed_by }) => [
    kind,
    name,
    spec,
    managed_by,
  ]);
}

/** The newest revision. */
const newest = async (): Promise<number> =>
  ((await cp.call('GET', '/v1/revisions?limit=1')).body as { revisions: { revision: number }[] }).revisions[0]?.revision ?? 0;

describe('stoactl rollback', () => {
  it('brings back what was changed and deleted, deletes what came later, and is a new revision', async () => {
    const path = await applied('back');
    const [then, before] = [await newest(), await live('back')];
    writeFileSync(join(path, 'all.yaml'), tenant('back') + api('back', 'orders', { timeout_ms: 5 }) + api('back', 'later'));
    await run(['apply', '--prune', '--yes'], path);
    await cp.call('POST', '/v1/tenants/back/apis', { name: 'by-hand', path: '/by-hand', upstream_url: 'http://127.0.0.1:9' });

    const dry = await run(['rollback', '--to', String(then), '--dry-run'], path);
    const unasked = await run(['rollback', '--to', String(then)], path);
    const done = await run(['rollback', '--to', String(then), '--yes', '-o', 'json'], path);
    const again = await run(['rollback', '--to', String(then), '--yes'], path);

    expect(dry.stdout).toContain('Plan: 3 to create, 1 to change, 1 to delete.');
    expect(dry.stdout).toContain('- API later');
    expect(unasked.exitCode).toBe(64);
    expect(json(done.stdout)).toMatchObject({ applied: true, revision: then + 3 });
    expect((await live('back')).filter((resource) => !JSON.stringify(resource).includes('by-hand'))).toEqual(before);
    expect(await live('back')).toHaveLength(before.length + 1);
    expect(again.stdout).toContain('No changes');
    expect((await run(['diff', '--prune'], path)).stdout).toContain('1 to create, 1 to change, 3 to delete');
  }, 60_000);

  it('is all or nothing when a resource moves meanwhile, and says who moved it', async () => {
    const path = await applied('race');
    const then = await newest();
    writeFileSync(join(path, 'all.yaml'), shop('race').replace('a@example.com', 'b@example.com') + api('race', 'later'));
    await run(['apply', '--yes'], path);
    const before = await newest();
    cp.before('/v1/apply', () => cp.call('PATCH', '/v1/tenants/race/apis/later', { description: 'by hand' }));

    const result = await run(['rollback', '--to', String(then), '--yes'], path);

    expect(result.exitCode).toBe(5);
    expect(result.stderr).toMatch(/API race\/later has changed since the plan was made: \S+ wrote it at 20/);
    expect(await newest()).toBe(before + 1);
  });

  it('respects owners, what is protected, and the number of deletes', async () => {
    const path = await applied('guarded');
    const then = await newest();
    const added = api('guarded', 'later') + api('guarded', 'more');
    writeFileSync(join(path, 'all.yaml'), shop('guarded') + added);
    await run(['apply', '--yes'], path);
    const to = ['rollback', '--to', String(then), '--yes'];

    const many = await run([...to, '--max-deletes', '1'], path);
    await cp.call('POST', '/v1/apply', {
      project: 'other',
      resources: [{ kind: 'API', tenant: 'guarded', name: 'orders', spec: { path: '/orders', upstream_url: 'http://127.0.0.1:9' } }],
      take_ownership: true,
    });
    const owner = await run(to, path);
    const taken = await run([...to, '--take-ownership', '--dry-run'], path);
    const annotated = added.replace('"name":"later"', '"name":"later","annotations":{"stoa/protected":"true"}');
    writeFileSync(join(path, 'all.yaml'), annotated);
    await run(['apply', '--yes'], path);
    const kept = await run([...to, '--take-ownership'], path);

    expect(many).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('deletes 2 resources; at most 1') as string });
    expect(owner).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('belongs to the project "other"') as string });
    expect(taken.stdout).toContain('taken over from project "other"');
    expect(kept).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('API guarded/later is protected') as string });
  }, 60_000);

  it('asks for the secret of what comes back, keeps that of what is still there, and shows none', async () => {
    const path = await applied('secretive');
    const then = await newest();
    writeFileSync(join(path, 'all.yaml'), shop('secretive').replace('hooks.example.com/x', 'hooks.example.com/y'));
    await run(['apply', '--yes'], path);
    const kept = await run(['rollback', '--to', String(then), '--yes'], path, {});
    await cp.stoactl(['delete', 'webhook', 'secretive/hook', '--yes'], { cwd: path });
    const missing = await run(['rollback', '--to', String(then), '--yes'], path, {});
    const given = await run(['rollback', '--to', String(then), '--yes', '-v'], path);

    expect(kept, kept.stderr).toMatchObject({ exitCode: 0 });
    expect(kept.stdout).toContain('url  "https://hooks.example.com/y" -> "https://hooks.example.com/x"');
    expect(missing).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('"env:HOOK_SECRET" is not set') as string });
    expect(given, given.stderr).toMatchObject({ exitCode: 0 });
    expect(given.stdout + given.stderr).not.toContain(CANARY);
  });

  it.each([
    ['no revision', ['rollback'], 64],
    ['a word', ['rollback', '--to', 'yesterday'], 64],
    ['one that there is not', ['rollback', '--to', '9999'], 4],
    ['one before the project', ['rollback', '--to', '1', '--project', 'nobody', '--yes'], 7],
  ])('to %s is refused', async (_, args, code) => {
    expect(await run(args, suite.directory({}))).toMatchObject({ exitCode: code });
  });
});
