/** `stoactl usage` after real traffic. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack, type TestStack } from '../helpers/stack.js';

interface Used {
  readonly schema_version: number;
  readonly period: string;
  readonly subscriptions: readonly { readonly name: string; readonly requests: number; readonly quota: unknown }[];
  readonly apis: readonly { readonly api: string; readonly requests: number; readonly errors: number; readonly subscriptions: number }[];
}

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
}, 120_000);
afterAll(() => stack.stop());

const usage = async (...args: string[]): Promise<Used> =>
  JSON.parse((await stack.stoactl(['usage', ...args, '-o', 'json'])).stdout) as Used;

it('shows requests against the quota, the fullest first, by subscription and by API', async () => {
  const consumer = await stack.call('POST', '/v1/consumers/acme', { name: 'partner' });
  const asked = await stack.call('POST', '/v1/tenants/acme/subscriptions', {
    api_id: 'payments',
    plan: 'standard',
    consumer_id: (consumer.body as { id: string }).id,
  });
  const { id } = asked.body as { id: string };
  const { body } = await stack.call('POST', `/v1/subscriptions/${id}/approve`, { quota: 10 });
  const url = stack.sample?.url ?? '';
  let sent = 0;
  const send = async (key: string, path = '/hello'): Promise<number> => {
    sent += 1;
    return (await fetch(url.replace('/hello', path), { headers: { 'x-api-key': key } })).status;
  };
  await expect.poll(() => send((body as { api_key: string }).api_key), { timeout: 10_000 }).toBe(200);
  for (let count = 0; count < 7; count += 1) await send((body as { api_key: string }).api_key);
  await send(stack.sample?.apiKey ?? '', '/status/503');

  await expect.poll(async () => (await usage(id)).subscriptions[0]?.requests, { timeout: 60_000, interval: 1000 }).toBe(8);
  const { subscriptions, period } = await usage('--tenant', 'acme');
  const byApi = await usage('--by', 'api', '--tenant', 'acme');
  const text = (await stack.stoactl(['usage', '--tenant', 'acme', '--api', 'payments'])).stdout;

  expect(period).toMatch(/^\d{4}-\d\d$/);
  expect(subscriptions[0]).toMatchObject({ id, requests: 8, quota: { limit: 10, used: 8, remaining: 2 } });
  expect(byApi.apis[0]).toMatchObject({ api: 'payments', requests: sent, errors: 1 });
  expect(text).toMatch(/^acme +\S+ +payments +partner +standard +8 +0 +8 of 10 \(80%\) +\d{4}-\d\d-01$/m);
  expect((await stack.stoactl(['usage', 'acme/nobody'])).exitCode).toBe(4);
  expect((await stack.stoactl(['usage', '--by', 'week'])).exitCode).toBe(64);
}, 180_000);
