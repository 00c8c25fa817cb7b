/** What gateways measure reaches the control plane: all of it, once, whatever dies in between. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack, type TestStack } from '../helpers/stack.js';

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const pidOf = (service: string): number =>
  Number([...stack.output().matchAll(new RegExp(`dev: ${service} is ready at \\S+ \\(pid (\\d+)\\)`, 'g'))].at(-1)?.[1]);

async function send(count: number, path: string): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const answer = await fetch(stack.sample?.url.replace('/hello', path) ?? '', {
      headers: { 'x-api-key': stack.sample?.apiKey ?? '' },
    });
    await answer.arrayBuffer();
  }
}

interface Item {
  readonly requests: number;
  readonly errors: number;
}

async function counted(): Promise<Item> {
  const { body } = await stack.call('GET', '/v1/tenants/acme/apis/payments/metrics');
  const items = (body as { metrics: Item[] }).metrics;
  return items.reduce((sum, { requests, errors }) => ({ requests: sum.requests + requests, errors: sum.errors + errors }), {
    requests: 0,
    errors: 0,
  });
}

async function untilCounted(expected: Item): Promise<Item> {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = await counted().catch(() => ({ requests: -1, errors: -1 }));
    if (JSON.stringify(found) === JSON.stringify(expected) || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function restart(service: string, signal: NodeJS.Signals): Promise<void> {
  const ready = stack.printed(new RegExp(`dev: ${service} is ready`), { timeoutMs: 30_000 });
  process.kill(pidOf(service), signal);
  await ready;
}

it('counts every request once over kills and restarts of both servers (MT1 SB14)', async () => {
  await send(5, '/hello');
  await send(2, '/status/503');
  expect(await untilCounted({ requests: 7, errors: 2 })).toEqual({ requests: 7, errors: 2 });

  await restart('control-plane', 'SIGKILL');
  await send(3, '/hello');
  expect(await untilCounted({ requests: 10, errors: 2 })).toEqual({ requests: 10, errors: 2 });

  await send(4, '/hello');
  await restart('gateway', 'SIGTERM');
  expect(await untilCounted({ requests: 14, errors: 2 })).toEqual({ requests: 14, errors: 2 });

  await restart('gateway', 'SIGKILL');
  await send(1, '/hello');
  expect(await untilCounted({ requests: 15, errors: 2 })).toEqual({ requests: 15, errors: 2 });
  const { body } = await stack.call('GET', '/v1/tenants/acme/apikeys?limit=100');
  expect((body as { apikeys: { last_used_at: string | null }[] }).apikeys.some(({ last_used_at }) => last_used_at !== null)).toBe(true);
});
