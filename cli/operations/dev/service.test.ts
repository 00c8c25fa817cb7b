import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DevEvent } from './events.js';
import { Service } from './service.js';

let directory: string;
let events: DevEvent[];
const running: Service[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-service-'));
  events = [];
});

afterEach(() => {
  for (const service of running.splice(0)) service.kill();
  rmSync(directory, { recursive: true });
});

/** A real child process with this program. */
function serviceOf(program: string): Service {
  const script = join(directory, 'child.mjs');
  writeFileSync(script, program);
  const service = new Service({ name: 'gateway', script, args: ['one'], env: { PATH: process.env['PATH'] }, port: 4321 }, (event) =>
    events.push(event),
  );
  running.push(service);
  return service;
}

const READY = `process.send({ type: 'ready', port: 4321 }); process.on('disconnect', () => process.exit(0)); setInterval(() => {}, 1000);`;
const typesOf = (): string[] => events.map(({ type }) => type);
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('a supervised service', () => {
  it('starts when its child says so, and tells the address', async () => {
    const service = serviceOf(READY);

    await service.start();

    expect(events).toMatchObject([{ type: 'starting' }, { type: 'ready', url: 'http://127.0.0.1:4321' }]);
  });

  it("fails with the child's own error, hint included", async () => {
    const service = serviceOf(
      `process.send({ type: 'failed', error: { code: 'conflict', message: 'Port 4321 is taken.', hint: 'Take another.' } }); setTimeout(() => process.exit(1), 50);`,
    );

    await expect(service.start()).rejects.toMatchObject({ code: 'conflict', message: 'Port 4321 is taken.', hint: 'Take another.' });
  });

  it('fails when its child dies without a message, whose last words were passed on', async () => {
    const service = serviceOf(`process.stderr.write('something is missing\\n'); process.exitCode = 3;`);

    await expect(service.start()).rejects.toThrow('The gateway ended while it was starting (exit code 3).');
    expect(events.at(-1)).toMatchObject({ type: 'output', lines: Buffer.from('something is missing\n') });
    expect(typesOf()).not.toContain('died');
  });

  it('starts a child again that was killed', async () => {
    const service = serviceOf(READY);
    await service.start();
    const first = events.find((event) => event.type === 'ready');
    process.kill(first?.pid ?? 0, 'SIGKILL');

    await until(() => events.filter(({ type }) => type === 'ready').length === 2);

    expect(events).toContainEqual({ type: 'died', service: 'gateway', reason: 'signal SIGKILL', retryMs: 100 });
  });

  it('waits longer from one failure to the next', async () => {
    const service = serviceOf(`${READY} setTimeout(() => process.exit(7), 20);`);
    await service.start();

    await until(() => events.filter(({ type }) => type === 'died').length === 3);

    expect(events.flatMap((event) => (event.type === 'died' ? [event.retryMs] : []))).toEqual([100, 200, 400]);
  });

  it('passes on whole lines of both streams', async () => {
    const service = serviceOf(
      `process.stdout.write('{"a":'); setTimeout(() => process.stdout.write('1}\\nrest'), 50); setTimeout(() => { ${READY} }, 100);`,
    );
    await service.start();

    await service.stop();

    const texts = events.flatMap((event) => (event.type === 'output' ? [event.lines.toString('utf8')] : []));
    expect(texts).toEqual(['{"a":1}\n', 'rest\n']);
  });

  it('lets its child drain, and starts nothing afterwards', async () => {
    const service = serviceOf(
      `process.on('SIGTERM', () => setTimeout(() => { process.stdout.write('drained\\n'); process.exit(0); }, 100)); ${READY}`,
    );
    await service.start();

    await service.stop();
    await new Promise((resolve) => setTimeout(resolve, 250));

    expect(events.at(-1)).toMatchObject({ type: 'output' });
    expect(typesOf()).not.toContain('died');
  });

  it('can be stopped while it starts', async () => {
    const service = serviceOf(`setInterval(() => {}, 1000);`);
    const start = service.start();
    const outcome = expect(start).rejects.toThrow('ended while it was starting');
    await service.stop();

    await outcome;
  });
});
