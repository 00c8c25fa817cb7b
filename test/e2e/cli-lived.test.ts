/** Keys and subscriptions by stoactl, against a real control plane. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, KEY, startCliCase, withSecret, type CliCase } from '../helpers/cli-case.js';

interface Listed {
  readonly schema_version: number;
  readonly keys: readonly { readonly id: string; readonly prefix: string; readonly subscription: string; readonly status: string }[];
  readonly subscriptions: readonly { readonly id: string; readonly status: string }[];
}

let suite: CliCase;
beforeAll(async () => {
  suite = await startCliCase();
});
afterAll(() => suite.stop());

const run = (...args: string[]) => suite.cp.stoactl(args, { env: withSecret });
const listed = async (...args: string[]): Promise<Listed> => json((await run(...args, '-o', 'json')).stdout) as unknown as Listed;

/** A subscription of a tenant that waits for approval; its id. */
async function waiting(tenant: string): Promise<string> {
  const answer = await suite.cp.call('POST', `/v1/tenants/${tenant}/subscriptions`, { api_id: 'orders', plan: 'standard' });
  return (answer.body as { id: string }).id;
}

describe('stoactl keys', () => {
  it('lists keys with whose they are, never the key, and cuts off the one that is named', async () => {
    await suite.applied('keyring');
    const first = KEY.exec((await run('rotate-key', 'keyring/mobile-orders')).stdout)?.[0] ?? '';
    await run('rotate-key', 'keyring/mobile-orders', '--grace', '1h');

    const { keys } = await listed('keys', 'list', '--tenant', 'keyring');
    const text = (await run('keys', 'list', '--subscription', 'keyring/mobile-orders')).stdout;

    expect(keys.map(({ subscription, status }) => [subscription, status])).toEqual([
      ['mobile-orders', 'active'],
      ['mobile-orders', 'grace'],
    ]);
    expect(text).toContain(`${first.slice(0, 12)}…`);
    expect(text).not.toMatch(KEY);
    const asked = await run('keys', 'revoke', `keyring/${keys[1]?.id ?? ''}`);
    expect([asked.exitCode, asked.stderr]).toEqual([64, expect.stringContaining('confirmation')]);
    const revoked = await run('keys', 'revoke', first, '--yes');
    expect([revoked.exitCode, revoked.stdout]).toEqual([0, expect.stringContaining('is revoked')]);
    expect(revoked.stdout + revoked.stderr).not.toContain(first);
    expect((await listed('keys', 'list', '--tenant', 'keyring')).keys.map(({ status }) => status)).toEqual(['active', 'revoked']);
  });

  it('finds active keys that are too old, exits 2 when asked to, and says how to rotate them (KY21)', async () => {
    await suite.applied('aged');
    await run('rotate-key', 'aged/mobile-orders');

    const young = await run('keys', 'stale', '--tenant', 'aged', '--exit-code');
    const old = await run('keys', 'stale', '--tenant', 'aged', '--older-than', '1ms', '--exit-code');
    const told = await run('keys', 'stale', '--tenant', 'aged', '--older-than', '1ms');
    const everywhere = await listed('keys', 'stale', '--older-than', '1ms');

    expect([young.exitCode, young.stdout]).toEqual([0, 'No active key is older than 90d.\n']);
    expect([old.exitCode, told.exitCode]).toEqual([2, 0]);
    expect(old.stdout).toContain('stoactl rotate-key aged/mobile-orders --scenario compliance');
    expect(everywhere).toMatchObject({ schema_version: 1, older_than: '1ms' });
    expect(everywhere.keys.some(({ subscription }) => subscription === 'mobile-orders')).toBe(true);
    await run('subscriptions', 'suspend', 'aged/mobile-orders');
    expect((await listed('keys', 'stale', '--tenant', 'aged', '--older-than', '1ms')).keys).toEqual([]);
  });

  it.each([
    [['keys', 'revoke', 'key-nothing', '--yes'], 4],
    [['keys', 'revoke', 'stoa_sk_zzzz', '--yes'], 4],
    [['keys', 'list', '--subscription', 'nobody'], 4],
    [['keys', 'list', '--tenant', 'nobody'], 4],
    [['keys', 'stale', '--older-than', 'soon'], 64],
    [['keys', 'revoke'], 64],
    [['keys', 'lst'], 64],
    [['keys'], 0],
  ])('%j exits with %i', async (args, code) => {
    const result = await run(...args);
    expect([result.exitCode, result.stderr.includes('    at ')]).toEqual([code, false]);
  });
});

describe('stoactl subscriptions', () => {
  it('takes one through its life; the key of the approval is shown once', async () => {
    await suite.applied('life');
    const id = await waiting('life');
    expect(
      (await listed('subscriptions', 'list', '--tenant', 'life', '--status', 'pending')).subscriptions.map((found) => found.id),
    ).toEqual([id]);

    const approved = await run('subscriptions', 'approve', id, '--rate-limit', '1000', '--quota', '50000', '--quiet');
    const again = await run('subscriptions', 'approve', id);

    expect([approved.exitCode, approved.stdout]).toEqual([0, expect.stringMatching(new RegExp(`^${KEY.source}\\n$`))]);
    expect([again.exitCode, again.stderr]).toEqual([5, expect.stringContaining('Only a subscription that waits')]);
    expect((await run('subscriptions', 'suspend', `life/${id}`, '--reason', 'unpaid')).stdout).toContain('is suspended: unpaid');
    expect((await run('subscriptions', 'resume', id, '--tenant', 'life')).exitCode).toBe(0);
    expect((await run('subscriptions', 'revoke', id)).exitCode).toBe(64);
    expect((await run('subscriptions', 'revoke', id, '--yes')).stdout).toContain('is revoked');
    const text = (await run('subscriptions', 'list', '--tenant', 'life', '--status', 'revoked')).stdout;
    expect(text).toContain(id);
    expect(text).not.toMatch(KEY);
  });

  it('writes the key of an approval to a file for its owner alone, and rejects with a reason', async () => {
    await suite.applied('files');
    const file = path.join(suite.root, 'approved.key');
    const { stdout } = await run('subscriptions', 'approve', await waiting('files'), '--to-file', file, '-o', 'json');

    expect(readFileSync(file, 'utf8')).toMatch(KEY);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(stdout).not.toMatch(KEY);
    const rejected = await run('subscriptions', 'reject', await waiting('files'), '--reason', 'no contract', '-o', 'json');
    expect(json(rejected.stdout)).toMatchObject({ schema_version: 1, status: 'rejected', reason: 'no contract' });
  });

  it.each([
    [['subscriptions', 'approve', 'nobody'], 4],
    [['subscriptions', 'approve', 'nobody', '--rate-limit', 'many'], 64],
    [['subscriptions', 'list', '--status', 'odd'], 64],
    [['subscriptions', 'aprove', 'x'], 64],
    [['subscriptions', 'list', '--tenant', 'nobody'], 4],
  ])('%j exits with %i', async (args, code) => {
    expect((await run(...args)).exitCode).toBe(code);
  });

  it('says what was meant by a misspelt word, and is completed (CL17)', async () => {
    expect((await run('subscriptions', 'aprove', 'x')).stderr).toContain('Did you mean "stoactl subscriptions approve"?');
    const { stdout } = await run('autocomplete', 'bash');
    expect(stdout).toMatch(/keys\) flags="[^"]*--older-than[^"]*"; words="list revoke stale"/);
  });
});

describe('stoactl audit', () => {
  it('shows who changed what, newest first, and as JSON lines (CL17)', async () => {
    await suite.applied('trail');
    await run('rotate-key', 'trail/mobile-orders');
    await run('rotate-key', 'trail/mobile-orders', '--grace', '1h');

    const text = (await run('audit', '--tenant', 'trail', '--limit', '3')).stdout;
    const lines = (await run('audit', '--tenant', 'trail', '--action', 'api.created', '--since', '1h', '-o', 'jsonl')).stdout
      .trim()
      .split('\n');

    expect(text.split('\n')[1]).toMatch(/trail +subscription\.key_rotated +.* service-account-control-plane-api +rest$/);
    expect(text).toMatch(/… and \d+ older ones/);
    expect(lines.map((line) => (JSON.parse(line) as { resource_key: string }).resource_key)).toEqual(['API trail/orders']);
    expect((await run('audit', '--tenant', 'trail', '--user', 'nobody')).stdout).toBe('There are no such entries.\n');
    expect((await run('audit', '--since', 'soon')).exitCode).toBe(64);
    expect((await run('audit', '--limit', '0')).exitCode).toBe(64);
    expect((await run('audit', '--tenant', 'nobody')).exitCode).toBe(4);
  });
});

describe('stoactl history', () => {
  it('shows who applied what from which commit, and one revision field by field', async () => {
    await suite.applied('past');
    await suite.cp.call('PATCH', '/v1/tenants/past/apis/orders', { description: 'Orders' });
    const { stdout } = await run('history', '--tenant', 'past', '-o', 'json');
    const { revisions } = json(stdout) as unknown as {
      revisions: { revision: number; project: string | null; created: number; updated: number }[];
    };

    expect(revisions.map(({ project, created, updated }) => [project, created, updated])).toEqual([
      [null, 0, 1],
      ['past', 5, 0],
    ]);
    const one = (await run('history', String(revisions[0]?.revision))).stdout;
    expect(one).toContain('~ API past/orders\n    description  (none) -> "Orders"');
    expect((await run('history', '--project', 'past')).stdout.trim().split('\n')).toHaveLength(2);
    expect((await run('history', '999999')).exitCode).toBe(4);
    expect((await run('history', 'last')).exitCode).toBe(64);
    expect((await run('history', '--limit', '1000')).exitCode).toBe(64);
  });
});
