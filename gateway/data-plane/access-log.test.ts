import { expect, it } from 'vitest';
import type { LogFormat, LogLevel } from '../process-settings.js';
import { createAccessLog, logPanic } from './access-log.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 67);

function logInto(lines: string[], format: LogFormat = 'json', level: LogLevel = 'info') {
  return createAccessLog({ format, level, now: () => NOW, write: (text) => lines.push(...text.split('\n').slice(0, -1)) });
}

it('writes compact JSON with the keys in the order of the runbook (LG2 LG9-LG11)', () => {
  const lines: string[] = [];
  const log = logInto(lines);

  log.event('info', 'request completed', { consumer: 'my-consumer', path: '/apis/acme/payments', status: 502, latency_ms: 3 });
  log.flush();

  expect(lines).toEqual([
    '{"ts":"2026-01-02T03:04:05.067Z","level":"info","event":"request completed","consumer":"my-consumer","path":"/apis/acme/payments","status":502,"latency_ms":3}',
  ]);
});

it('tells the status of a failure so that greps of the runbook count its request once (LG5 LG9 LG11)', () => {
  const lines: string[] = [];
  const log = logInto(lines);

  log.event('error', 'backend_error', { path: '/api/endpoint', status: 502, error: 'connection refused' });
  log.event('warn', 'request completed', { path: '/api/endpoint', status: 502 });
  log.flush();

  expect(lines.map((line) => (JSON.parse(line) as { status: number }).status)).toEqual([502, 502]);
  expect(lines.filter((line) => line.includes('"status":5'))).toEqual([expect.stringContaining('request completed')]);
});

it('lets a failure be counted by its own line where that is the only one (LG9)', () => {
  const lines: string[] = [];
  const log = createAccessLog({ format: 'json', level: 'error', write: (text) => lines.push(text), now: () => 0 });

  log.event('error', 'backend_error', { status: 502 });
  log.event('warn', 'request completed', { status: 502 });
  log.flush();

  expect(lines.join('').match(/"status":5/g)).toHaveLength(1);
});

it('writes the lines of the runbook as text (LG2-LG6)', () => {
  const lines: string[] = [];
  const log = logInto(lines, 'text');

  log.event('info', 'request completed', { path: '/health', status: 200, latency_ms: 1 });
  log.event('warn', 'rate_limit_exceeded', { consumer: 'my-consumer', path: '/api/endpoint' });
  log.event('error', 'backend_error', { path: '/api/endpoint', status: 502, error: 'connection refused' });
  log.event('error', 'auth_failed', { path: '/api/endpoint', reason: 'invalid_api_key' });
  log.flush();

  expect(lines.map((line) => line.replace(/ ts=\S+$/, ''))).toEqual([
    'INFO request completed path=/health status=200 latency=1ms',
    'WARN rate_limit_exceeded consumer=my-consumer path=/api/endpoint',
    'ERROR backend_error path=/api/endpoint status=502 error="connection refused"',
    'ERROR auth_failed path=/api/endpoint reason="invalid_api_key"',
  ]);
});

it.each(['json', 'text'] as const)('log-forging: no value breaks out of its %s line', (format) => {
  const lines: string[] = [];
  const log = logInto(lines, format);
  const evil = 'a"\n{"ts":"x","level":"info"}\r\n\u2028\u0085 status=200 \\"';

  log.event('info', 'request completed', { consumer: evil, path: evil, status: 401 });
  log.flush();

  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\r\n\u2028\u0085]/);
  if (format === 'json') expect(JSON.parse(lines[0] ?? '')).toMatchObject({ consumer: evil, path: evil, status: 401 });
  if (format === 'text') expect(lines[0]?.match(/(?<!\\)"/g)).toHaveLength(4);
});

it('keeps a line below 8 kB and hides what looks like a key', () => {
  const lines: string[] = [];
  const log = logInto(lines);
  const key = `stoa_sk_${'a1b2'.repeat(8)}`;

  log.event('info', 'request completed', { path: `/x/${key}/${'y'.repeat(30_000)}`, consumer: '"'.repeat(30_000), status: 404 });
  log.flush();

  expect(lines[0]?.length).toBeLessThan(8192);
  expect(lines[0]).not.toContain(key);
});

it('leaves out what lies below its level (LG13)', () => {
  const lines: string[] = [];
  const log = logInto(lines, 'json', 'warn');

  log.event('info', 'request completed', {});
  log.event('debug', 'rate_limit_check', {});
  log.event('warn', 'rate_limit_exceeded', {});
  log.flush();

  expect(lines).toHaveLength(1);
  expect(log.has('info')).toBe(false);
});

it('flushes by itself soon, and at once when much is buffered', async () => {
  const writes: string[] = [];
  const log = createAccessLog({ format: 'json', level: 'info', now: () => NOW, write: (text) => writes.push(text) });

  log.event('info', 'request completed', { path: '/a' });
  expect(writes).toEqual([]);
  await expect.poll(() => writes.length).toBe(1);

  for (let count = 0; count < 100; count += 1) log.event('info', 'request completed', { path: 'x'.repeat(1000) });
  expect(writes).toHaveLength(2);
});

it('reports a panic with the words of the runbook (LG8)', () => {
  const lines: string[] = [];

  logPanic(logInto(lines), new Error('boom'));

  expect(lines[0]).toContain('"event":"PANIC recovery triggered"');
  expect(lines[0]).toContain('boom');
});
