import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess, tokenOf, type ControlPlaneProcess } from '../../test/helpers/control-plane-process.js';

const SECRET = { STOA_CLIENT_SECRET: 'process-secret' };
const running: ControlPlaneProcess[] = [];
let parent: string;
let directory: string;

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'stoa-process-'));
  directory = path.join(parent, '.stoa');
});
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended();
  }
  rmSync(parent, { recursive: true, force: true });
});

async function start(options?: Parameters<typeof startProcess>[1]): Promise<ControlPlaneProcess> {
  const process = await startProcess(directory, options);
  running.push(process);
  return process;
}

async function post(url: string, token: string, route: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return fetch(`${url}${route}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

describe('the process', () => {
  it('makes a client secret at its first start, shows it once and keeps only a digest', async () => {
    const first = await start();
    const secret = first.message.type === 'ready' ? (first.message.first_run?.client_secret ?? '') : '';
    expect(secret).toMatch(/^[0-9A-Za-z]{40}$/);
    expect(await tokenOf(first.url, secret)).toMatch(/^ey/);
    first.child.kill('SIGTERM');
    await first.ended();

    const second = await start();

    expect(second.message).not.toHaveProperty('first_run');
    expect(await tokenOf(second.url, secret)).toMatch(/^ey/);
    const files = readdirSync(directory).map((name) => readFileSync(path.join(directory, name), 'latin1'));
    expect([...files, first.output(), second.output()].join('\n')).not.toContain(secret);
  });

  it('serves its documentation with the address that it listens on (CV8, CV9, CV10)', async () => {
    const { url } = await start({ env: SECRET });

    const document = (await (await fetch(`${url}/openapi.json`)).json()) as { servers: unknown };
    const pages = await Promise.all(['/docs', '/redoc'].map((page) => fetch(`${url}${page}`)));

    expect(document.servers).toEqual([{ url: `${url}/v1` }]);
    for (const page of pages) expect(await page.text()).toContain('<div id="page"></div>');
  });

  it('keeps its directory and files to their owner', async () => {
    await start();

    const modes = Object.fromEntries(
      readdirSync(directory).map((name) => [name, (statSync(path.join(directory, name)).mode & 0o777).toString(8)]),
    );

    expect((statSync(directory).mode & 0o777).toString(8)).toBe('700');
    expect(new Set(Object.values(modes))).toEqual(new Set(['600']));
    expect(Object.keys(modes)).toEqual(expect.arrayContaining(['control-plane.db', 'gateway.token', 'issuer.pem', 'lock.db', 'vault.key']));
  });

  it('lets the secret of stoactl dev in for this run alone', async () => {
    const { url } = await start({ env: { ...SECRET, STOA_BOOTSTRAP_SECRET: 'for-this-run' } });
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'stoactl-dev', client_secret: 'for-this-run' });

    const answer = await fetch(`${url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body });

    expect(answer.status).toBe(200);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 at %s, after what is in flight', async (signal) => {
    const { child, ended, url } = await start({ env: SECRET });
    const token = await tokenOf(url, SECRET.STOA_CLIENT_SECRET);
    const body = JSON.stringify({ name: 'in-flight' });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': body.length };
    const upload = request(`${url}/v1/tenants`, { method: 'POST', headers });
    upload.write(body.slice(0, 5));
    await delay(200);

    child.kill(signal);
    await delay(200);
    upload.end(body.slice(5));

    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    expect([answer.statusCode, answer.headers.connection]).toEqual([201, 'close']);
    answer.resume();
    expect(await ended()).toEqual([0, null]);
  });

  it('ends when its parent goes', async () => {
    const { child, ended } = await start({ env: SECRET });

    child.disconnect();

    expect(await ended()).toEqual([0, null]);
  });

  it('ends although a gateway follows its stream', async () => {
    const { child, ended, url } = await start({ env: SECRET });
    const token = await tokenOf(url, SECRET.STOA_CLIENT_SECRET);
    const stream = await fetch(`${url}/v1/gateways/stream`, { headers: { authorization: `Bearer ${token}` } });
    expect(stream.status).toBe(200);
    const drained = stream.text().catch(() => '');

    const started = Date.now();
    child.kill('SIGTERM');

    expect(await ended()).toEqual([0, null]);
    expect(Date.now() - started).toBeLessThan(8000);
    await drained;
  });

  it('refuses a second instance on its directory and goes on', async () => {
    const first = await start({ env: SECRET });

    const second = await start({ env: SECRET });

    expect(second.message).toMatchObject({
      type: 'failed',
      error: { message: `The data directory "${directory}" is in use by another control plane.` },
    });
    expect(await second.ended()).toEqual([1, null]);
    expect((await fetch(`${first.url}/health`)).status).toBe(200);
  });

  it('refuses a damaged database with one line and leaves it untouched', async () => {
    const first = await start({ env: SECRET });
    first.child.kill('SIGTERM');
    await first.ended();
    const file = path.join(directory, 'control-plane.db');
    truncateSync(file, statSync(file).size - 5000);
    const before = readFileSync(file);

    const { exitCode, stderr } = await execa('node', ['bin/control-plane.js', '--data-dir', directory, '--port', '0'], { reject: false });

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The database ".*control-plane\.db" is damaged: .* It was left as it is\./);
    expect(stderr.split('\n')).toHaveLength(1);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('names a port that is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;

    const { message } = await start({ args: ['--port', String(port)] });

    expect(message).toMatchObject({ type: 'failed', error: { message: `Port ${port} on 127.0.0.1 is in use.` } });
    holder.close();
  });

  it('says what is wrong with a flag', async () => {
    const { message } = await start({ args: ['--portt', '1'] });

    expect(message).toMatchObject({ type: 'failed', error: { code: 'usage_error', message: expect.stringContaining('--portt') } });
  });

  it('answers on alias ports that are free, and passes over the others in silence', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const taken = (holder.address() as AddressInfo).port;
    const free = await freePort();

    const { message } = await start({ env: SECRET, args: ['--alias-ports', `${taken},${free}`] });

    expect(message.type).toBe('ready');
    expect(await (await fetch(`http://127.0.0.1:${free}/health/ready`)).json()).toEqual({ status: 'UP' });
    expect(await tokenOf(`http://127.0.0.1:${free}`, SECRET.STOA_CLIENT_SECRET)).toMatch(/^ey/);
    holder.close();
  });

  it('answers what is no HTTP with the documented body', async () => {
    const { message } = await start({ env: SECRET });
    const socket = connect(message.type === 'ready' ? message.port : 0, '127.0.0.1');
    socket.write('GARBAGE\r\n\r\n');

    const answer = String((await once(socket, 'data'))[0]);

    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*"code":"bad_request"/s);
    socket.destroy();
  });
});

describe('kill -9', () => {
  it('loses no write that was acknowledged, and the next start works', async () => {
    const acknowledged = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      const { child, ended, url } = await start({ env: SECRET });
      const token = await tokenOf(url, SECRET.STOA_CLIENT_SECRET);
      const writers = Array.from({ length: 4 }, (_, writer) => writeUntilCut(url, token, `r${round}-w${writer}`, acknowledged));
      while (acknowledged.size < 6 * (round + 1)) await delay(5);
      await delay(round * 20);
      child.kill('SIGKILL');
      await Promise.all(writers);
      await ended();
    }

    const { url } = await start({ env: SECRET });
    const headers = { authorization: `Bearer ${await tokenOf(url, SECRET.STOA_CLIENT_SECRET)}` };

    expect(acknowledged.size).toBeGreaterThanOrEqual(24);
    for (const name of acknowledged) expect([name, (await fetch(`${url}/v1/tenants/${name}`, { headers })).status]).toEqual([name, 200]);
  });

  /** Writes single tenants and whole sets in turn, and notes each one that was answered with success. */
  async function writeUntilCut(url: string, token: string, prefix: string, acknowledged: Set<string>): Promise<void> {
    for (let index = 0; ; index += 1) {
      const name = `${prefix}-${index}`;
      const resource = { kind: 'Tenant', tenant: name, name, spec: {} };
      try {
        const answer =
          index % 2 === 0
            ? await post(url, token, '/v1/tenants', { name })
            : await post(url, token, '/v1/apply', { project: prefix, resources: [resource] });
        if (answer.ok) acknowledged.add(name);
        await answer.arrayBuffer();
      } catch {
        return;
      }
    }
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
