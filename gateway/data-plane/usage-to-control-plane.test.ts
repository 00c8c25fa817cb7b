import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { UsageEntry, UsageReport } from '../../schema/sync.js';
import { writeSealedSync } from './sealed-file.js';
import { createUsageMeter } from './usage-meter.js';
import { startUsageDelivery, type UsageDelivery } from './usage-to-control-plane.js';

const cleanups: (() => unknown)[] = [];

/** A control plane that takes each number once, as ours does, and a gateway's directory. */
async function setup({ isConnected = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'stoa-usage-'));
  const taken: UsageReport[] = [];
  const server = createServer((req, res) => {
    let text = '';
    req.on('data', (chunk: Buffer) => (text += chunk.toString()));
    req.on('end', () => {
      const report = JSON.parse(text) as UsageReport;
      if (report.number > (taken.at(-1)?.number ?? 0)) taken.push(report);
      res.writeHead(202).end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const problems: string[] = [];
  const start = (meter = createUsageMeter()): { meter: typeof meter; delivery: UsageDelivery } => {
    const delivery = startUsageDelivery({
      controlPlaneUrl: `http://127.0.0.1:${port}`,
      tokens: { get: () => Promise.resolve('token'), refused: () => undefined },
      meter,
      directory,
      isConnected: () => isConnected,
      onProblem: (problem) => problems.push(problem),
      intervalMs: 5,
    });
    return { meter, delivery };
  };
  cleanups.push(
    () => server.close(),
    () => rmSync(directory, { recursive: true, force: true }),
  );
  return { directory, file: join(directory, 'usage.json'), taken, problems, start };
}

const entry = (number: number): UsageEntry => ({
  tenant: 'acme',
  api: 'api-1',
  subscription: `sub-${number}`,
  hour: 10,
  requests: 1,
  errors: 0,
  counted: 1,
  latency: [[1, 1]],
});
const entries = (count: number): UsageEntry[] => Array.from({ length: count }, (_, index) => entry(index));
const subscriptionsOf = (reports: readonly UsageReport[]): (string | undefined)[] =>
  reports.flatMap((report) => report.entries.map(({ subscription }) => subscription));

describe('the way of measurements to the control plane', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  it('reports much in portions that a control plane takes, each entry once', async () => {
    const { start, taken } = await setup();
    const { meter, delivery } = start();
    meter.add({ entries: entries(25_000), keys: entries(2500).map((_, index) => [`key-${index}`, index]) });

    await vi.waitFor(() => expect(subscriptionsOf(taken)).toHaveLength(25_000), { timeout: 20_000 });
    await delivery.stop();

    expect(new Set(subscriptionsOf(taken)).size).toBe(25_000);
    expect(taken.map(({ number }) => number)).toEqual(taken.map((_, index) => index + 1));
    expect(Math.max(...taken.map((report) => report.entries.length))).toBeLessThanOrEqual(1000);
    expect(taken.flatMap(({ keys }) => keys)).toHaveLength(2500);
  });

  it('sends nothing that is not on the disk, however much waits', async () => {
    const { start, directory, taken, problems } = await setup();
    rmSync(directory, { recursive: true });

    const { meter, delivery } = start();
    meter.add({ entries: entries(25_000), keys: [] });
    await vi.waitFor(() => expect(problems.length).toBeGreaterThan(3));
    expect(taken).toEqual([]);
    mkdirSync(directory);
    await vi.waitFor(() => expect(subscriptionsOf(taken)).toHaveLength(25_000), { timeout: 20_000 });
    await delivery.stop();

    expect(new Set(subscriptionsOf(taken)).size).toBe(25_000);
  });

  it('finds what was made and not taken, and what no report has, on the disk after its process was killed', async () => {
    const { start, file, taken } = await setup({ isConnected: false });
    const before = start();
    before.meter.add({ entries: entries(1500), keys: [['key-1', 7]] });
    await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain('"number":1'));
    const killed = readFileSync(file, 'utf8');
    await before.delivery.stop();
    const other = await setup();
    writeSealedSync(other.file, [killed.slice(0, killed.lastIndexOf(',"checksum"'))]);

    const { delivery } = other.start();
    await vi.waitFor(() => expect(subscriptionsOf(other.taken)).toHaveLength(1500));
    await delivery.stop();

    expect(new Set(subscriptionsOf(other.taken)).size).toBe(1500);
    expect(other.taken.flatMap(({ keys }) => keys)).toEqual([['key-1', 7]]);
    expect(taken).toEqual([]);
  });

  it('reads the file of a gateway that made one report at a time', async () => {
    const { start, file, taken } = await setup();
    const unsent: UsageReport = { gateway: 'g-1', number: 4, entries: [entry(1)], keys: [] };
    writeSealedSync(file, [
      JSON.stringify({ format: 1, gateway: 'g-1', number: 4, unsent, rest: { entries: [entry(2)], keys: [] } }).slice(0, -1),
    ]);

    const { delivery } = start();
    await vi.waitFor(() => expect(taken).toHaveLength(2));
    await delivery.stop();

    expect(taken).toMatchObject([
      { gateway: 'g-1', number: 4, entries: [{ subscription: 'sub-1' }] },
      { gateway: 'g-1', number: 5, entries: [{ subscription: 'sub-2' }] },
    ]);
  });

  it('says that a damaged file is lost, and numbers anew under another name', async () => {
    const { start, file, taken, problems } = await setup();
    writeSealedSync(file, ['{"format":1']);
    writeSealedSync(file, [readFileSync(file, 'utf8')]);

    const { meter, delivery } = start();
    meter.add({ entries: [entry(1)], keys: [] });
    await vi.waitFor(() => expect(taken).toHaveLength(1));
    await delivery.stop();

    expect(problems).toEqual([expect.stringContaining('is damaged')]);
    expect(taken).toMatchObject([{ number: 1, entries: [{ subscription: 'sub-1' }] }]);
  });
});
