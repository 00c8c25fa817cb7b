/** `stoactl login` and `stoactl context` against a real control plane. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { json } from '../helpers/cli-case.js';
import { startCountedControlPlane, type CountedControlPlane } from '../helpers/counted-control-plane.js';
import { runStoactl, type CommandResult } from '../helpers/stack.js';

let cp: CountedControlPlane;
let home: string;
let secret: string;
beforeAll(async () => {
  cp = await startCountedControlPlane();
  secret = cp.env['STOA_CLIENT_SECRET'] ?? '';
});
afterAll(() => cp.stop());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'stoactl-home-'));
  return () => rmSync(home, { recursive: true, force: true });
});

/** Runs stoactl with a home directory and nothing else in its environment; no output ever shows the secret. */
async function run(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const result = await runStoactl(args, { ...options, cwd: home, env: { HOME: home, XDG_CONFIG_HOME: '', ...options.env } });
  expect(result.stdout + result.stderr).not.toContain('canary');
  return result;
}
const file = (): string => join(home, '.config/stoa/config.yaml');

it('signs in with a client secret from stdin, keeps it for its owner alone, and needs nothing more (CL14 CL15)', async () => {
  const signedIn = await run(['login', '--server', cp.url], { input: `${secret}\n` });
  const tenants = await run(['get', 'tenants', '-o', 'json']);
  const list = await run(['context', 'list', '-o', 'json']);
  const shown = await run(['context', 'show', '--origin']);

  expect(signedIn, signedIn.stderr).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`Signed in to ${cp.url} as context default`) as string,
  });
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file(), 'utf8')).toContain(secret);
  expect(tenants, tenants.stderr).toMatchObject({ exitCode: 0 });
  expect(json(list.stdout)).toMatchObject({
    contexts: [{ name: 'default', is_current: true, server: cp.url, signs_in_with: 'client secret' }],
  });
  expect(shown.stdout).toMatch(new RegExp(`^server +${cp.url} +context default$`, 'm'));
  expect(shown.stdout).toMatch(/^client_secret +\[secret\] +context default$/m);
  expect(shown.stdout).toMatch(/^project +default +default$/m);
});

it('signs in with a token, and keeps nothing that the server refuses (CL14)', async () => {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: secret });
  const issued = await fetch(`${cp.url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body: form });
  const { access_token } = (await issued.json()) as { access_token: string };

  const wrong = await run(['login', '--server', cp.url], { input: 'wrong-canary' });
  const empty = await run(['login', '--server', cp.url], { input: '' });
  const untouched = (await run(['context', 'list'])).stdout;
  const right = await run(['login', '--server', cp.url, '--context', 'by-token', '--token'], { input: access_token });
  const used = await run(['get', 'tenants', '--context', 'by-token']);

  expect([wrong.exitCode, empty.exitCode]).toEqual([3, 64]);
  expect(untouched).toContain('There are no contexts');
  expect(right, right.stderr).toMatchObject({ exitCode: 0 });
  expect(used.exitCode).toBe(0);
});

it('makes, changes and chooses contexts, and leaves comments where they are (CL15)', async () => {
  await run(['context', 'set', 'local', '--server', 'http://127.0.0.1:8000']);
  writeFileSync(file(), `# mine\n${readFileSync(file(), 'utf8')}`);
  await run(['context', 'set', 'far', '--server', 'https://api.example.com', '--tenant', 'acme', '--client-id', 'me']);
  const used = await run(['context', 'use', 'far']);
  const unknown = await run(['context', 'use', 'fra']);
  const shown = await run(['context', 'show', '-o', 'json', '--origin']);
  const bad = await run(['context', 'set', 'bad', '--tenant', 'acme']);

  expect(used.stdout).toMatch(/^\* +far +https:\/\/api\.example\.com +me +acme +nothing$/m);
  expect(unknown).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('Did you mean "far"?') as string });
  expect(json(shown.stdout)).toMatchObject({
    context: 'far',
    settings: expect.arrayContaining([{ name: 'tenant', value: 'acme', origin: 'context far' }]) as unknown,
  });
  expect(bad).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('has no right server') as string });
  expect(readFileSync(file(), 'utf8')).toMatch(/^# mine\n/);
});

it('sends a secret to no server but its own, and forgets it when the server of a context changes', async () => {
  const seen: string[] = [];
  const other = createServer((req, res) => {
    req.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    req.on('end', () => res.writeHead(401, { 'content-type': 'application/json' }).end('{}'));
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  try {
    await run(['login', '--server', cp.url], { input: secret });
    const elsewhere = await run(['get', 'tenants', '--server', url]);
    const issuer = await run(['get', 'tenants'], { env: { STOA_AUTH_URL: url } });
    await run(['context', 'set', 'default', '--server', url]);

    expect([elsewhere.exitCode, issuer.exitCode]).toEqual([3, 3]);
    expect(seen.join('')).not.toContain('canary');
    expect(readFileSync(file(), 'utf8')).not.toContain('canary');
  } finally {
    other.close();
  }
});

it('uses no secret that others can read, and shows none of a file that is wrong', async () => {
  await run(['login', '--server', cp.url], { input: secret });
  chmodSync(file(), 0o644);
  const open = await run(['get', 'tenants']);
  chmodSync(file(), 0o600);
  writeFileSync(file(), `contexts: {default: {server: "${cp.url}", client_secret: {canary: canary}, tokn: canary}}\n`);
  const wrong = await run(['get', 'tenants']);

  expect(open).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('chmod 600') as string });
  expect(wrong).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('contexts.default.client_secret') as string });
});
