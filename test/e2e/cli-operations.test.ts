/** `stoactl status` and `stoactl review` over a real stack. */
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type TestStack } from '../helpers/stack.js';

interface Reviewed {
  readonly tenants: readonly {
    readonly tenant: string;
    readonly limit_hits: number;
    readonly limit_hits_per_day: number;
    readonly limit_hits_advice: string;
    readonly top_limited: unknown;
  }[];
  readonly findings: readonly { readonly tenant?: string; readonly what: string }[];
  readonly parts: readonly { readonly state: string }[];
}

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
}, 60_000);
afterAll(() => stack.stop());

const review = async (...args: string[]): Promise<Reviewed> => {
  const { stdout, exitCode } = await stack.stoactl(['review', ...args, '-o', 'json']);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Reviewed;
};

/** Refused requests as a gateway reports them: so many for each of the last days. */
async function reportHits(tenant: string, consumer: string, days: number, perDay: number): Promise<void> {
  const events = Array.from({ length: days * perDay }, (_, n) => ({
    id: `${tenant}-${consumer}-${n}`,
    at: new Date(Date.now() - 60_000 - Math.floor(n / perDay) * 86_400_000).toISOString(),
    event_type: 'rate_limit_exceeded',
    tenant,
    api: 'pay',
    consumer,
    path: '/x',
    status: 429,
  }));
  expect((await stack.call('POST', '/v1/gateways/events', { events })).status).toBe(202);
}

describe('stoactl review', () => {
  it.each([
    ['calm', 0, 'too generous'],
    ['normal', 1, 'Normal'],
    ['busy', 51, 'tiered plans'],
    ['wild', 501, 'misbehaving client'],
  ])('of tenant %s with %i refused requests a day gives the advice of the table (AU6)', async (tenant, perDay, advice) => {
    await stack.call('POST', '/v1/tenants', { name: tenant });
    await reportHits(tenant, 'my-consumer', 7, perDay);

    const { tenants } = await review('--tenant', tenant);

    expect(tenants[0]).toMatchObject({
      tenant,
      limit_hits: 7 * perDay,
      limit_hits_per_day: perDay,
      limit_hits_advice: expect.stringContaining(advice),
    });
    expect(tenants[0]?.top_limited).toEqual(perDay === 0 ? [] : [{ consumer: 'my-consumer', hits: 7 * perDay }]);
  });

  it('counts the days of a young tenant from its first: a week would make little of what was much (AU6)', async () => {
    await stack.call('POST', '/v1/tenants', { name: 'young' });
    await reportHits('young', 'my-consumer', 2, 60);

    const { tenants } = await review('--tenant', 'young');

    expect(tenants[0]).toMatchObject({
      limit_hits: 120,
      limit_hits_per_day: 60,
      limit_hits_advice: expect.stringContaining('tiered plans'),
    });
  });

  it('says what to act on, for a person and as Markdown for a ticket (CL17 OP17)', async () => {
    await stack.call('POST', '/v1/tenants', { name: 'ticket' });
    await reportHits('ticket', 'a|b', 7, 2);

    const { findings, parts } = await review('--tenant', 'ticket');
    const text = (await stack.stoactl(['review', '--tenant', 'ticket'])).stdout;
    const markdown = (await stack.stoactl(['review', '--tenant', 'ticket', '-o', 'markdown'])).stdout;

    expect(parts.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok']);
    expect(findings.map(({ what }) => what)).toContain('Consumer a|b hits its limit daily.');
    expect(text).toContain('! ticket: Consumer a|b hits its limit daily.');
    expect(markdown).toContain('- [ ] ticket: Consumer a\\|b hits its limit daily.');
    expect((await stack.stoactl(['review', '--tenant', 'nobody'])).exitCode).toBe(4);
    expect((await stack.stoactl(['review', '--hours', 'week'])).exitCode).toBe(64);
  });
});

describe('stoactl status', () => {
  it('shows every part, and exits 0 while all of them serve (CL17)', async () => {
    const { exitCode, stdout } = await stack.stoactl(['status']);

    expect(exitCode).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/).slice(0, 2).join(' ')),
    ).toEqual(['ok control plane', 'ok issuer', 'ok gateway']);
  });

  it('exits 1 and says what to do when one is down', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));

    const { exitCode, stdout } = await stack.stoactl(['status', '-o', 'json'], { env: { STOA_GATEWAY_URL: `http://127.0.0.1:${port}` } });

    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      schema_version: 1,
      healthy: false,
      parts: [
        { state: 'ok' },
        { state: 'ok' },
        { part: 'gateway', state: 'down', detail: expect.stringContaining('nothing listens there'), action: expect.any(String) },
      ],
    });
  });

  it('says so when something closes each connection at once', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;

    const { exitCode, stdout } = await stack.stoactl(['status'], { env: { STOA_GATEWAY_URL: `http://127.0.0.1:${port}` } });
    server.close();

    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^down {6}gateway/m);
  });
});
