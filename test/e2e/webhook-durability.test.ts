/** A control plane that is killed while it delivers: every event arrives at least once, under one id, and is told apart by it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess, tokenOf, type ControlPlaneProcess } from '../helpers/control-plane-process.js';

const SECRET = 'durability-secret';
const APPROVALS = 12;

let directory: string;
let running: ControlPlaneProcess | undefined;
const received: string[] = [];
let mayAnswer = false;
/** Holds its answers back until it may give them: what is cut off by the kill was received and not acknowledged. */
const receiver = createServer((request, response) => {
  received.push(String(request.headers['webhook-id']));
  request.resume();
  if (mayAnswer) response.end();
});
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-webhooks-'));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
afterAll(async () => {
  await stop();
  receiver.closeAllConnections();
  receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<(line: string, body?: object) => Promise<Record<string, unknown>>> {
  running = await startProcess(directory, { args: ['--allow-private-webhooks'], env: { STOA_CLIENT_SECRET: SECRET } });
  const { url } = running;
  const headers = { authorization: `Bearer ${await tokenOf(url, SECRET)}`, 'content-type': 'application/json' };
  return async (line, body) => {
    const [method = '', route = ''] = line.split(' ');
    const answer = await fetch(url + route, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect(answer.ok, `${line}: ${answer.status}`).toBe(true);
    return (await answer.json()) as Record<string, unknown>;
  };
}

async function stop(): Promise<void> {
  running?.child.kill('SIGKILL');
  await running?.ended();
  running = undefined;
}

/** A try that a crash cut off is taken up again after its lease; here the lease is over at once. */
function endLeases(): void {
  const database = new BetterSqlite(path.join(directory, 'control-plane.db'));
  database.prepare(`update webhook_deliveries set next_at = ? where status = 'pending'`).run(new Date(0).toISOString());
  database.close();
}

it('delivers after kill -9 what was not acknowledged, and nothing twice that was (WH1)', { timeout: 120_000 }, async () => {
  const send = await start();
  await send('POST /v1/tenants', { name: 'acme', tier: 'enterprise' });
  await send('POST /v1/tenants/acme/apis', { name: 'pay', path: '/pay', upstream_url: 'https://pay.example.com' });
  await send('POST /v1/tenants/acme/webhooks', {
    name: 'hook',
    url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
    events: ['subscription.created'],
  });
  for (let index = 0; index < APPROVALS; index += 1) await send('POST /v1/subscriptions', { tenant_id: 'acme', api_id: 'pay' });
  await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThan(0);

  await stop();
  const cutOff = new Set(received);
  mayAnswer = true;
  endLeases();
  const again = await start();
  const delivered = async () => (await again('GET /v1/tenants/acme/webhook-deliveries?status=delivered&limit=100'))['total'];
  await expect.poll(delivered, { timeout: 20_000 }).toBe(APPROVALS);
  const after = received.length;
  await stop();
  await start();
  await new Promise((resolve) => setTimeout(resolve, 1500));

  expect(new Set(received).size).toBe(APPROVALS);
  for (const id of cutOff) expect(received.filter((each) => each === id)).toHaveLength(2);
  expect(received).toHaveLength(after);
});
