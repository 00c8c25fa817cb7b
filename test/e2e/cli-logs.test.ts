/** `stoactl logs`, and the greps of an operator, over a log with every kind of event. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccessLog, logPanic } from '../../gateway/data-plane/access-log.js';
import type { LogFormat } from '../../gateway/process-settings.js';
import { createLog } from '../../gateway/control-plane/log.js';
import { runStoactl } from '../helpers/stack.js';

const HOUR_MS = 3_600_000;
let directory: string;
const fileOf = (format: LogFormat): string => join(directory, `${format}.log`);

/** What a gateway writes for: two requests of `my-consumer`, one of them long ago, a refused key, a limit, a dead upstream, a bug. */
function gatewayLog(format: LogFormat): string {
  let text = '';
  let now = Date.now() - 30 * HOUR_MS;
  const log = createAccessLog({ format, level: 'debug', write: (more) => (text += more), now: () => now });
  const completed = (status: number, path: string, consumer?: string, error?: string): void =>
    log.event('info', 'request completed', { consumer, path, status, error, latency_ms: 3, method: 'GET' });
  completed(200, '/apis/acme/payments/old', 'my-consumer');
  now = Date.now() - 60_000;
  log.event('debug', 'rate_limit_check', { consumer: 'my-consumer', remaining: '95/100', path: '/apis/acme/payments/1' });
  completed(200, '/apis/acme/payments/1', 'my-consumer');
  log.event('warn', 'rate_limit_exceeded', { consumer: 'my-consumer', path: '/apis/acme/payments/2' });
  completed(429, '/apis/acme/payments/2', 'my-consumer');
  log.event('error', 'auth_failed', { path: '/apis/acme/paymentsx', reason: 'invalid_api_key' });
  completed(401, '/apis/acme/paymentsx');
  log.event('error', 'backend_error', { path: '/apis/acme/billing', status: 502, error: 'connection refused' });
  completed(502, '/apis/acme/billing', 'other', 'connection refused');
  logPanic(log, new Error('a bug'));
  return text;
}

/** What a control plane writes whose database has gone. */
function controlPlaneLog(format: LogFormat): string {
  let text = '';
  const log = createLog({ level: 'info', format, destination: { write: (line) => (text += line) } });
  log.error({ event: 'database_connection_failed', path: '/v1/tenants', err: new Error('disk I/O error') });
  return text;
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-cli-logs-'));
  for (const format of ['json', 'text'] as const) writeFileSync(fileOf(format), gatewayLog(format) + controlPlaneLog(format));
});
afterAll(() => rmSync(directory, { recursive: true }));

const events = async (format: LogFormat, ...args: string[]): Promise<string[]> => {
  const { stdout, stderr } = await runStoactl(['logs', fileOf(format), '-o', 'json', ...args]);
  expect(stderr).toBe('');
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { event, status = '' } = JSON.parse(line) as { event: string; status?: number };
    return `${event} ${status}`.trim();
  });
};

describe.each(['json', 'text'] as const)('stoactl logs over a log in the form %s', (format) => {
  it.each([
    [
      ['--status', '5xx'],
      ['backend_error 502', 'request completed 502'],
    ],
    [['--status', '401,400-403'], ['request completed 401']],
    [['--event', 'rate_limit_exceeded', '--consumer', 'my-consumer'], ['rate_limit_exceeded']],
    [['--event', 'database_connection_failed'], ['database_connection_failed']],
    [['--event', 'PANIC recovery triggered'], ['PANIC recovery triggered']],
    [['--consumer', 'other'], ['request completed 502']],
    [['--consumer', 'my-consumer', '--status', '200', '--since', '24h'], ['request completed 200']],
    [
      ['--consumer', 'my-consumer', '--status', '200'],
      ['request completed 200', 'request completed 200'],
    ],
    [['--route', '/apis/acme/payments', '--status', '2xx', '--tail', '1'], ['request completed 200']],
    [
      ['--route', '/apis/acme/payments', '--since', '24h'],
      ['rate_limit_check', 'request completed 200', 'rate_limit_exceeded', 'request completed 429'],
    ],
  ])('%j', async (args, wanted) => {
    expect(await events(format, ...args)).toEqual(wanted);
  });
});

describe('stoactl logs', () => {
  it('shows lines for a person, without control characters of whoever is called', async () => {
    const { stdout } = await runStoactl(['logs', '-', '--route', '/'], {
      input: `{"ts":"2026-11-30T08:00:00.000Z","level":"warn","event":"auth_failed","path":"/\\u001b[31m","reason":"x y"}\n`,
    });

    expect(stdout).toBe('2026-11-30T08:00:00.000Z WARN  auth_failed path=/\\u001b[31m reason="x y"\n');
  });

  it('reads what docker compose prints, and several files in one order', async () => {
    const piped = await runStoactl(['logs', '-', '--status', '502', '-o', 'json'], {
      input: gatewayLog('json').replace(/^/gm, 'stoa-gateway-1  | '),
    });
    const several = await runStoactl(['logs', fileOf('json'), fileOf('text'), '--event', 'PANIC recovery triggered', '-o', 'json']);

    expect(piped.stdout.trim().split('\n')).toHaveLength(2);
    expect(
      several.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { service: string }).service),
    ).toEqual([fileOf('json'), fileOf('text')]);
  });

  it.each([
    [['--status', '5xxx'], 64, '5xxx'],
    [['--tail', 'some'], 64, '"some"'],
    [['--since', 'yesterday'], 64, 'yesterday'],
    [['missing.log'], 4, 'missing.log'],
  ])('%j is refused with what is wrong', async (args, exit, message) => {
    const { exitCode, stderr } = await runStoactl(['logs', ...args, '--data-dir', directory]);

    expect(exitCode).toBe(exit);
    expect(stderr).toContain(message);
  });
});

describe("an operator's greps over the file", () => {
  const grep = (line: string): string => spawnSync('bash', ['-c', `cat json.log | ${line}`], { cwd: directory, encoding: 'utf8' }).stdout;

  it('find every 5xx error with its cause (LG9)', () => {
    expect(grep(`grep '"status":5'`).trim().split('\n')).toHaveLength(1);
    expect(grep(`grep '"status":5'`)).toContain('"error":"connection refused"');
  });

  it('find the limits that a consumer has met (LG10)', () => {
    expect(grep(`grep "rate_limit_exceeded.*my-consumer"`).trim().split('\n')).toHaveLength(1);
  });

  it('count requests by status code (LG11)', () => {
    const counts = grep(`grep -oP '"status":\\d+' | sort | uniq -c`)
      .trim()
      .split('\n')
      .map((line) => line.trim());

    expect(counts).toEqual(['2 "status":200', '1 "status":401', '1 "status":429', '1 "status":502']);
  });

  it.each([
    'ERROR database_connection_failed',
    'PANIC recovery triggered',
    'INFO request completed',
    'DEBUG rate_limit_check consumer=my-consumer remaining=95/100',
    'WARN rate_limit_exceeded consumer=my-consumer path=/',
    'ERROR auth_failed path=/apis/acme/paymentsx reason="invalid_api_key"',
    'ERROR backend_error path=/apis/acme/billing status=502 error="connection refused"',
  ])('find "%s" in the text form (LG2-LG8)', (words) => {
    expect(spawnSync('grep', ['-cF', words, fileOf('text')], { encoding: 'utf8' }).stdout.trim()).not.toBe('0');
  });
});
