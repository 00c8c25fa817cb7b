/** Quotas on live traffic: enforced, shown and reset by the admin API, and kept over a kill of the gateway. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack, type TestStack } from '../helpers/stack.js';

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

interface Quota {
  readonly consumer_id: string;
  readonly monthly_count: number;
}

async function admin(method: string, path: string): Promise<{ readonly status: number; readonly body: never }> {
  const answer = await fetch(`${stack.urls.gateway}/admin/quotas${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.adminToken}` },
  });
  return { status: answer.status, body: (await answer.json()) as never };
}

it('holds the quota of an approval, shows it in seven fields, keeps it over kill -9, and resets it (QT1 QT2 QT3 SB4 PL16 DP23)', async () => {
  const consumer = await stack.call('POST', '/v1/consumers/acme', { name: 'user-123', external_id: 'user-123' });
  const consumerId = (consumer.body as { id: string }).id;
  const asked = await stack.call('POST', '/v1/tenants/acme/subscriptions', {
    api_id: 'payments',
    plan: 'standard',
    consumer_id: consumerId,
  });
  const id = (asked.body as { id: string }).id;
  const approved = await stack.call('POST', `/v1/subscriptions/${id}/approve`, { quota: 3 });
  const key = (approved.body as { api_key: string }).api_key;
  const call = async () => {
    const answer = await fetch(stack.sample?.url ?? '', { headers: { 'x-api-key': key } });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  await untilKnown(id);

  const statuses = [(await call()).status, (await call()).status, (await call()).status];
  const refused = await call();
  expect([...statuses, refused.status]).toEqual([200, 200, 200, 429]);
  expect(refused.text).toContain('The monthly quota of 3 requests is used up: 3 were made.');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers.get('x-ratelimit-limit')).toBe('3');

  const shown = { daily_count: 3, daily_limit: null, monthly_count: 3, monthly_limit: 3, daily_remaining: null, monthly_remaining: 0 };
  for (const name of [consumerId, 'user-123'])
    expect(await admin('GET', `/${name}`)).toEqual({ status: 200, body: { consumer_id: consumerId, ...shown } });
  expect((await admin('GET', '')).body).toContainEqual({ consumer_id: consumerId, ...shown });
  expect((await admin('GET', '/nobody')).status).toBe(404);

  // The control plane says the same of the quota, and counts the request that was refused among the requests.
  const usage = async () => (await stack.call('GET', `/v1/subscriptions/${id}/usage`)).body;
  await expect.poll(usage, { timeout: 10_000 }).toMatchObject({ requests: 4, quota: { limit: 3, used: 3, remaining: 0 } });
  const ready = stack.printed(/dev: gateway is ready/, { timeoutMs: 30_000 });
  process.kill(Number([...stack.output().matchAll(/dev: gateway is ready at \S+ \(pid (\d+)\)/g)].at(-1)?.[1]), 'SIGKILL');
  await ready;
  expect((await call()).status).toBe(429);

  expect((await admin('POST', '/user-123/reset')).body).toEqual({ status: 'ok', message: "Quota reset for consumer 'user-123'" });
  expect((await call()).status).toBe(200);
  await expect.poll(usage, { timeout: 10_000 }).toMatchObject({ requests: 6, quota: { limit: 3, used: 1, remaining: 2 } });
});

async function untilKnown(subscription: string): Promise<void> {
  const end = Date.now() + 5000;
  for (;;) {
    const quotas = (await admin('GET', '')).body as readonly Quota[];
    if (quotas.length > 0) return;
    if (Date.now() > end) throw new Error(`The gateway does not know ${subscription}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
