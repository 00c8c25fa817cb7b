import { describe, expect, it } from 'vitest';
import { createLog } from './log.js';

function logTo(format: 'json' | 'text', level = 'info') {
  const lines: string[] = [];
  return { lines, log: createLog({ level, format, destination: { write: (line: string) => void lines.push(line) } }) };
}

describe('log', () => {
  it('writes compact JSON with ts, level and event first', () => {
    const { lines, log } = logTo('json');

    log.info({ event: 'request completed', path: '/health', status: 200, latency_ms: 1 });

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\{"ts":"[^"]+Z","level":"info","event":"request completed","path":"\/health","status":200,"latency_ms":1\}\n$/,
    );
  });

  it("writes document A's lines as text (LG2 LG7)", () => {
    const { lines, log } = logTo('text');

    log.info({ event: 'request completed', path: '/health', status: 200, latency_ms: 1 });
    log.error({ event: 'backend_error', path: '/api/endpoint', status: 502, error: 'connection refused' });

    expect(lines.map((line) => line.replace(/ ts=\d{4}-\d\d-\d\dT[\d:.]+Z\n$/, ''))).toEqual([
      'INFO request completed path=/health status=200 latency=1ms',
      'ERROR backend_error path=/api/endpoint status=502 error="connection refused"',
    ]);
  });

  it.each(['json', 'text'] as const)('lets no value forge a line or carry a key (%s)', (format) => {
    const { lines, log } = logTo(format);

    log.warn({ event: 'auth_failed', path: `/x\n{"level":"error"}`, note: 'stoa_sk_e7f8g9h0i1j2k3l4m5n6o7p8q9r0s1t2' });

    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toContain('\n');
    expect(lines[0]).toContain('stoa_sk_e7f8…');
    expect(lines[0]).not.toContain('g9h0');
  });

  it('keeps the event and the stack of an error apart', () => {
    const { lines, log } = logTo('json');

    log.error({ event: 'internal_error', err: new Error('boom', { cause: new Error('why') }) });

    const line = JSON.parse(lines[0] ?? '') as { event: string; err: { stack: string; cause: { message: string } } };
    expect(line.event).toBe('internal_error');
    expect(line.err.stack).toContain('log.test.ts');
    expect(line.err.cause.message).toBe('why');
  });

  it('drops lines below its level (LG13)', () => {
    const { lines, log } = logTo('json', 'warn');

    log.info({ event: 'quiet' });
    log.warn({ event: 'loud' });

    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['loud']);
  });
});
