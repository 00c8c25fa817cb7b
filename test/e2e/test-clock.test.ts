/** `--test-clock` of the two servers (docs/decisions/0017-test-clock.md): moved by the parent process, and by nobody else. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanEnv, ROOT } from '../helpers/stack.js';

const AT = Date.parse('2026-01-15T12:00:00Z');
const HOUR_MS = 3_600_000;

let directory: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-clock-'));
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null) {
    child.kill();
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true, force: true });
});

function start(name: string, args: readonly string[], stdio: 'ipc' | 'ignore', env: Readonly<Record<string, string>> = {}): ChildProcess {
  child = spawn(process.execPath, [join(ROOT, 'bin', `${name}.js`), ...args], {
    stdio: ['ignore', 'ignore', 'pipe', stdio],
    env: { ...cleanEnv(), STOA_BOOTSTRAP_SECRET: 'a-secret-of-this-test', STOA_LOG_LEVEL: 'error', ...env },
  });
  return child;
}

async function ask(order: object): Promise<Record<string, unknown>> {
  child?.send(order);
  const [answer] = (await once(child as ChildProcess, 'message')) as [Record<string, unknown>];
  return answer;
}

async function tokenOf(port: unknown): Promise<{ iat: number }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'stoactl-dev', client_secret: 'a-secret-of-this-test' });
  const response = await fetch(`http://127.0.0.1:${String(port)}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body });
  const { access_token } = (await response.json()) as { access_token: string };
  return JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as { iat: number };
}

describe.each(['control-plane', 'gateway'])('the %s', (name) => {
  it('refuses a test clock without a parent that could move it', async () => {
    const server = start(name, ['--test-clock'], 'ignore');
    let text = '';
    server.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(server, 'close')) as [number];

    expect(code).toBe(1);
    expect(text).toContain('--test-clock is for "stoactl test"');
  });

  it('knows no test clock beside other flags, nor from the environment', async () => {
    const server = start(name, ['--test-clock', '--data-dir', directory, '--port', '0'], 'ipc', { STOA_TEST_CLOCK: '1' });
    const [answer] = (await once(server, 'message')) as [object];

    expect(answer).toMatchObject({ type: 'failed', error: { code: 'usage_error' } });
  });

  it('listens on loopback only, says why, and takes the next order', async () => {
    await once(start(name, ['--test-clock'], 'ipc'), 'message');
    const args = ['--data-dir', directory, '--port', '0', '--mode', 'development'];

    expect(await ask({ type: 'start', at: AT, args: [...args, '--host', '0.0.0.0'] })).toMatchObject({
      type: 'failed',
      error: { code: 'usage_error', message: expect.stringContaining('"0.0.0.0" can be reached from elsewhere') as string },
    });
    expect(await ask({ type: 'start', at: AT, args })).toMatchObject({ type: 'ready' });
  });

  it('ends when its parent is gone', async () => {
    const server = start(name, ['--test-clock'], 'ipc');
    await once(server, 'message');
    await ask({ type: 'start', at: AT, args: ['--data-dir', directory, '--port', '0'] });

    server.disconnect();

    expect(await once(server, 'exit')).toEqual([0, null]);
  });
});

it('stands still until it is moved, and stands at the given instant again in the next world', async () => {
  await once(start('control-plane', ['--test-clock'], 'ipc'), 'message');
  const world = (count: number) => ({ type: 'start', at: AT, args: ['--data-dir', join(directory, String(count)), '--port', '0'] });

  const { port } = await ask(world(1));
  const before = [await tokenOf(port), await tokenOf(port)];
  await ask({ type: 'advance', ms: 25 * HOUR_MS });
  const after = await tokenOf(port);
  const next = await tokenOf((await ask(world(2)))['port']);

  expect(before.map(({ iat }) => iat * 1000)).toEqual([AT, AT]);
  expect(after.iat * 1000).toBe(AT + 25 * HOUR_MS);
  expect(next.iat * 1000).toBe(AT);
});
