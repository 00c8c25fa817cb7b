import { describe, expect, it } from 'vitest';
import { createLog } from '../../../gateway/control-plane/log.js';
import { createAccessLog } from '../../../gateway/data-plane/access-log.js';
import { parseLine } from './line.js';

describe('parseLine', () => {
  it.each(['json', 'text'] as const)('reads what the gateway writes in the form %s', (format) => {
    let written = '';
    const log = createAccessLog({
      format,
      level: 'debug',
      write: (text) => (written += text),
      now: () => Date.parse('2026-11-30T08:00:00Z'),
    });
    const fields = { consumer: 'my consumer', path: '/a=b/"c"', status: 502, latency_ms: 12, error: 'connection "refused"\n' };

    log.event('error', 'request completed', fields);
    log.flush();

    expect(parseLine(written.trimEnd())).toEqual({
      text: written.trimEnd(),
      at: Date.parse('2026-11-30T08:00:00Z'),
      fields: { ts: '2026-11-30T08:00:00.000Z', level: 'error', event: 'request completed', ...fields },
    });
  });

  it('finds the time in the text form of the control plane', () => {
    let written = '';
    const log = createLog({ level: 'info', format: 'text', destination: { write: (text) => (written += text) } });

    log.error({ event: 'database_connection_failed', path: '/v1/tenants' });

    expect(parseLine(written.trimEnd())).toMatchObject({ at: expect.any(Number), fields: { path: '/v1/tenants' } });
  });

  it.each([
    [
      'INFO request completed path=/health status=200 latency=1ms',
      { event: 'request completed', path: '/health', status: 200, latency_ms: 1 },
    ],
    ['INFO rate_limit_check consumer=my-consumer remaining=95/100', { event: 'rate_limit_check', remaining: '95/100' }],
    [
      'ERROR backend_error path=/x status=502 error="connection refused"',
      { event: 'backend_error', status: 502, error: 'connection refused' },
    ],
    ['ERROR database_connection_failed', { level: 'error', event: 'database_connection_failed' }],
    ['stoa-gateway-1  | WARN rate_limit_exceeded consumer=a path=/x', { level: 'warn', event: 'rate_limit_exceeded', consumer: 'a' }],
  ])('reads the line %s of the runbook', (text, fields) => {
    expect(parseLine(text).fields).toMatchObject(fields);
  });

  it.each([
    ['gateway-1  | INFO a path=/x', 'gateway-1'],
    ['[pod/stoa-gateway-7d9f-abcde/gateway] INFO a path=/x', 'stoa-gateway-7d9f-abcde'],
    ['INFO a path=/x', undefined],
  ])('knows who wrote the line %s', (text, container) => {
    expect(parseLine(text)).toMatchObject({ text: 'INFO a path=/x', container, fields: { path: '/x' } });
  });

  it.each(['(node:12) Warning: something', '{"half": ', ''])('leaves what is not a line of ours as it is: %s', (text) => {
    expect(parseLine(text)).toEqual({ text, fields: undefined, at: undefined });
  });
});
