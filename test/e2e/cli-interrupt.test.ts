/** Ctrl-C at every stage, on a real terminal: it ends at once, the terminal is as before, and what is said about the world is true. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shop, startCliCase, withSecret, type CliCase } from '../helpers/cli-case.js';
import { addDeviceEndpoints } from '../helpers/device-endpoints.js';
import { startIssuer } from '../helpers/oidc-issuer.js';
import { CTRL_C, hasTerminal, stoactlOnTerminal, type Terminal } from '../helpers/terminal.js';

let suite: CliCase;
let cwd: string;
beforeAll(async () => {
  suite = await startCliCase();
  cwd = await suite.applied('acme');
  writeFileSync(join(cwd, 'all.yaml'), shop('acme').replace('a@example.com', 'b@example.com'));
});
afterAll(() => suite.stop());

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal =>
  stoactlOnTerminal(args, { cwd, env: { ...suite.cp.env, ...withSecret, HOME: cwd, XDG_CONFIG_HOME: '', ...env } });

/** The next request for this path waits until it is released, and is handed on then. */
function hold(path: string): { readonly reached: Promise<void>; release(): void } {
  let release = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    suite.cp.before(path, () => {
      resolve();
      return new Promise<void>((go) => (release = go));
    });
  });
  return { reached, release: () => release() };
}

async function interrupted(terminal: Terminal, words: string): Promise<void> {
  const started = performance.now();
  terminal.type(CTRL_C);
  const end = await terminal.ended;

  expect(end, terminal.screen()).toEqual({ exitCode: 130, isRestored: true });
  expect(terminal.screen().replace(/\r/g, '')).toContain(`Error: Interrupted.\n${words}`);
  expect(performance.now() - started).toBeLessThan(5000);
}

const revision = async (): Promise<unknown> => (await suite.cp.call('GET', '/v1/revisions?limit=1')).body;

describe.skipIf(!hasTerminal)('Ctrl-C (CL13)', () => {
  it('while manifests are read from stdin', async () => {
    const terminal = run(['validate', '-f', '-']);
    await new Promise((resolve) => setTimeout(resolve, 1500));

    await interrupted(terminal, 'Nothing was changed.');
  });

  it('while a large file is parsed: at once, without a word', async () => {
    const consumer = (index: number): string =>
      `apiVersion: gostoa.dev/v1beta1\nkind: Consumer\nmetadata: { name: c${index}, tenant: acme }\nspec: { email: c${index}@example.com }\n---\n`;
    const large = suite.directory({ 'all.yaml': Array.from({ length: 100_000 }, (_, index) => consumer(index)).join('') });
    const terminal = run(['validate', '-f', large]);
    await new Promise((resolve) => setTimeout(resolve, 1500));

    terminal.type(CTRL_C);

    expect(await terminal.ended, terminal.screen()).toEqual({ exitCode: 130, isRestored: true });
    expect(terminal.screen()).not.toMatch(/Valid|Interrupted/);
  });

  it.each([
    ['diff', ['diff']],
    ['apply', ['apply', '--yes']],
  ])('while %s waits for the plan: the line of the phase is gone', async (_, args) => {
    const held = hold('/v1/plan');
    const terminal = run(args);
    await held.reached;

    await interrupted(terminal, 'Nothing was changed.');
    held.release();
    expect(terminal.raw().split('Planning against')[1]).toContain('\r\u001B[K');
  });

  it('at the question of an apply', async () => {
    const before = await revision();
    const terminal = run(['apply']);
    await terminal.until(/Apply to .*\[y\/N\]/);

    await interrupted(terminal, 'Nothing was changed.');
    expect(await revision()).toEqual(before);
  });

  it('while the apply is under way, which may have arrived', async () => {
    const held = hold('/v1/apply');
    const terminal = run(['apply', '--yes']);
    await held.reached;

    await interrupted(terminal, 'The plan was applied whole or not at all: run "stoactl diff" to see which.');
    held.release();
  });

  it('at the question of a delete', async () => {
    const terminal = run(['delete', 'webhook', 'acme/hook']);
    await terminal.until(/Delete it from .*\[y\/N\]/);

    await interrupted(terminal, 'Nothing was changed.');
    expect((await suite.cp.stoactl(['get', 'webhook', 'acme/hook'])).exitCode).toBe(0);
  });

  it('before and after a rotation was asked for: the file of the key is not half there', async () => {
    const id = ((await suite.cp.call('GET', '/v1/resources/Subscription/acme/mobile-orders')).body as { id: string }).id;
    const file = join(cwd, 'key');
    const args = ['rotate-key', 'acme/mobile-orders', '--to-file', file];

    const looking = hold('/v1/resources?kind=Subscription&tenant=acme&name=mobile-orders&page=1&limit=1000');
    const early = run(args);
    await looking.reached;
    await interrupted(early, 'Nothing was changed.');
    looking.release();
    const asked = hold(`/v1/subscriptions/${id}/rotate-key`);
    const late = run(args);
    await asked.reached;
    await interrupted(late, 'The key may have been rotated');
    asked.release();

    expect(readdirSync(cwd).filter((name) => name.startsWith('key'))).toEqual([]);
  });

  it('while somebody approves a sign-in elsewhere: nothing is kept', async () => {
    const issuer = await startIssuer(Date.now);
    const device = addDeviceEndpoints(issuer, { interval: 1 });
    device.polls = Array.from({ length: 60 }, () => 'authorization_pending');
    const home = mkdtempSync(join(tmpdir(), 'stoactl-interrupt-'));
    const terminal = run(['login', '--device'], { HOME: home, STOA_AUTH_URL: new URL(issuer.url).origin, STOA_REALM: 'shop' });
    await terminal.until(/WDJB-MJHT/);

    await interrupted(terminal, 'Nothing was kept.');
    expect(existsSync(join(home, '.config'))).toBe(false);
    await issuer.close();
    rmSync(home, { recursive: true });
  });

  it('while logs are followed', async () => {
    writeFileSync(join(cwd, 'gateway.log'), '{"ts":"2026-11-30T08:00:00.000Z","level":"info","event":"started"}\n');
    const terminal = run(['logs', 'gateway.log', '--follow']);
    await terminal.until(/started/);

    terminal.type(CTRL_C);

    expect(await terminal.ended).toEqual({ exitCode: 130, isRestored: true });
  });

  it('while tests run: their processes and files are gone', async () => {
    const request = '      - request: { path: /apis/acme/orders }\n        expect: { status: 401 }\n';
    writeFileSync(
      join(cwd, 'slow.yaml'),
      `cases:\n${`  - name: refused\n    steps:\n${request.repeat(20)}`.repeat(50).replace(/name: refused/g, (name, at) => `${name} ${String(at)}`)}`,
    );
    const scratch = mkdtempSync(join(tmpdir(), 'stoactl-interrupt-'));
    const terminal = run(['test', 'slow.yaml'], { TMPDIR: scratch });
    await expect
      .poll(() => readdirSync(scratch).some((name) => readdirSync(join(scratch, name)).length > 0), { timeout: 20_000 })
      .toBe(true);

    await interrupted(terminal, 'Nothing was changed.');
    expect(readdirSync(scratch)).toEqual([]);
    rmSync(scratch, { recursive: true });
  });

  it('while dev runs: it drains and ends with 0', async () => {
    const terminal = run(['dev', '--data-dir', 'dev-data', '--control-port', '0', '--gateway-port', '0', '--no-seed'], {
      STOA_CLIENT_SECRET: '',
    });
    await terminal.until(/gateway +healthy/);

    terminal.type(CTRL_C);

    expect(await terminal.ended, terminal.screen()).toEqual({ exitCode: 0, isRestored: true });
    expect(terminal.screen()).toContain('dev: stopped');
  });

  it('leaves the configuration of the user alone, and no file beside it', () => {
    expect(existsSync(join(cwd, '.config'))).toBe(false);
    expect(readFileSync(join(cwd, 'stoa.config.yaml'), 'utf8')).toBe('project: acme\nmanifests: ["*.yaml"]\n');
  });
});
