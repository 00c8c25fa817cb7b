/** Backup and restore of a control plane as people do them: the real processes, with writes going on. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess, tokenOf, type ControlPlaneProcess } from '../helpers/control-plane-process.js';
import { removeDirectory, runStoactl } from '../helpers/stack.js';

const SECRET = 'backup-client-secret';
const NAMES = ['backup.json', 'control-plane.db', 'gateway.token', 'issuer.pem', 'vault.key'];
let parent: string;
let data: string;
let copy: string;
let plane: ControlPlaneProcess | undefined;

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'stoa-backup-'));
  [data, copy] = [path.join(parent, 'data'), path.join(parent, 'copy')];
});
afterEach(async () => {
  await end('SIGKILL');
  await removeDirectory(parent);
});

async function start(directory = data): Promise<{ send: Send }> {
  plane = await startProcess(directory, { env: { STOA_CLIENT_SECRET: SECRET } });
  const { url } = plane;
  const token = await tokenOf(url, SECRET);
  return {
    send: async (line, body, extra = {}) => {
      const [method = 'GET', route = '/'] = line.split(' ');
      const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...extra };
      const answer = await fetch(url + route, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const text = await answer.text();
      return { status: answer.status, text };
    },
  };
}
type Send = (line: string, body?: unknown, headers?: Record<string, string>) => Promise<{ status: number; text: string }>;

async function end(signal: NodeJS.Signals): Promise<void> {
  plane?.child.kill(signal);
  await plane?.ended();
  plane = undefined;
}

const backup = (to = copy) => runStoactl(['backup', '--data-dir', data, '--to', to]);
const restore = (to: string, ...flags: string[]) => runStoactl(['restore', '--from', copy, '--data-dir', to, ...flags]);

describe('stoactl backup', () => {
  it('copies one moment of a control plane that goes on writing, and the copy restores to a working one', async () => {
    const { send } = await start();
    const sealed = await send('POST /v1/tenants', { name: 'before' }, { 'idempotency-key': 'once' });
    const acknowledged: number[] = [];
    const state = { isOver: false };
    const writer = (async () => {
      for (let index = 0; !state.isOver; index += 1)
        if ((await send('POST /v1/tenants', { name: `t-${index}` })).status === 201) acknowledged.push(index);
    })();
    while (acknowledged.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    const sure = acknowledged.length;

    const { exitCode, stderr } = await backup();

    state.isOver = true;
    await writer;
    expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
    expect(readdirSync(copy).sort()).toEqual(NAMES);
    expect(NAMES.map((name) => (statSync(path.join(copy, name)).mode & 0o777).toString(8))).toEqual(NAMES.map(() => '600'));
    expect((statSync(copy).mode & 0o777).toString(8)).toBe('700');
    await end('SIGTERM');
    const fresh = path.join(parent, 'fresh');
    expect((await restore(fresh)).exitCode).toBe(0);
    const restored = await start(fresh);
    const found = await Promise.all(acknowledged.map(async (index) => (await restored.send(`GET /v1/tenants/t-${index}`)).status === 200));
    expect(found.slice(0, sure)).toEqual(found.slice(0, sure).map(() => true));
    expect(found).toEqual([...found].sort((a, b) => Number(b) - Number(a)));
    const replayed = await restored.send('POST /v1/tenants', { name: 'before' }, { 'idempotency-key': 'once' });
    expect(replayed).toEqual(sealed);
    const resources = [{ kind: 'Tenant', tenant: 'after', name: 'after', spec: {} }];
    expect((await restored.send('POST /v1/apply', { project: 'shop', resources })).status).toBe(200);
  });

  it('refuses a target that exists and a directory that holds no control plane, and leaves nothing behind', async () => {
    expect((await backup()).stderr).toContain('is not the data directory of a control plane: control-plane.db is missing');
    await start();
    mkdirSync(copy);

    const { exitCode, stderr } = await backup();

    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('exists already')]);
    expect(readdirSync(parent).sort()).toEqual(['copy', 'data']);
  });
});

describe('stoactl restore', () => {
  it('refuses a directory that a control plane holds, and data that is there unless it is forced', async () => {
    const { send } = await start();
    await backup();
    await send('POST /v1/tenants', { name: 'later' });
    expect((await restore(data, '--force')).stderr).toContain('is in use by another control plane');
    await end('SIGKILL');

    expect(await restore(data)).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('holds data already') });
    expect((await restore(data, '--force')).exitCode).toBe(0);

    const again = await start();
    expect((await again.send('GET /v1/tenants/later')).status).toBe(404);
  });

  it.each([
    ['a changed file', () => writeFileSync(path.join(copy, 'vault.key'), 'another'), 'vault.key has changed'],
    ['a damaged database', () => writeFileSync(path.join(copy, 'control-plane.db'), 'x'), 'control-plane.db has changed'],
    ['no list', () => writeFileSync(path.join(copy, 'backup.json'), '{'), 'backup.json is missing or damaged'],
  ])('refuses a backup with %s and changes nothing', async (_, damage, message) => {
    await start();
    await backup();
    await end('SIGTERM');
    const before = readFileSync(path.join(data, 'control-plane.db'));
    damage();

    const { exitCode, stderr } = await restore(data, '--force');

    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(message)]);
    expect(readFileSync(path.join(data, 'control-plane.db')).equals(before)).toBe(true);
    expect(readdirSync(data).filter((name) => name.startsWith('restore'))).toEqual([]);
  });

  it('is finished by the next start when kill -9 came after the decision', async () => {
    const { send } = await start();
    await backup();
    await send('POST /v1/tenants', { name: 'later' });
    await end('SIGKILL');
    // The directory as it is the moment after the decision: gathered under its last name, the old files in place.
    const decided = path.join(data, 'restore');
    mkdirSync(decided);
    for (const name of NAMES.slice(1)) writeFileSync(path.join(decided, name), readFileSync(path.join(copy, name)));
    chmodSync(decided, 0o700);

    const again = await start();

    expect((await again.send('GET /v1/tenants/later')).status).toBe(404);
    expect(existsSync(decided)).toBe(false);
  });
});
