import { describe, expect, it } from 'vitest';
import type { DevEvent } from './events.js';
import { initialState, reduce, type DevState } from './state.js';

const after = (events: readonly DevEvent[]): DevState => events.reduce((state, event) => reduce(state, event, '12:00:00'), initialState);
const output = (...lines: readonly string[]): DevEvent => ({
  type: 'output',
  service: 'gateway',
  stream: 'stdout',
  lines: Buffer.from(lines.map((line) => `${line}\n`).join('')),
});
const request = (path: string, status = 200): string =>
  JSON.stringify({ level: 'info', event: 'request completed', consumer: 'mobile-app', path, status, latency_ms: 3, method: 'GET' });

describe('the state of the terminal view', () => {
  it('follows a service from start to death and back', () => {
    const ready: DevEvent = { type: 'ready', service: 'gateway', url: 'http://127.0.0.1:3001' };

    expect(after([{ type: 'starting', service: 'gateway' }]).services).toMatchObject([{ status: 'starting' }]);
    expect(after([ready]).services).toMatchObject([{ status: 'ready', url: 'http://127.0.0.1:3001' }]);
    expect(after([ready, { type: 'died', service: 'gateway', reason: 'signal SIGKILL', retryMs: 100 }])).toMatchObject({
      services: [{ status: 'down', detail: 'signal SIGKILL' }],
      errors: ['12:00:00 gateway ended: signal SIGKILL; restarting'],
    });
  });

  it('does not call a dead service healthy', () => {
    const events: DevEvent[] = [
      { type: 'ready', service: 'gateway', url: 'http://127.0.0.1:3001' },
      { type: 'died', service: 'gateway', reason: 'exit code 1', retryMs: 100 },
      { type: 'health', service: 'gateway', isHealthy: true, detail: '' },
    ];

    expect(after(events).services).toMatchObject([{ status: 'down' }]);
  });

  it('keeps the last requests of the gateway', () => {
    const lines = Array.from({ length: 100 }, (_, index) => request(`/apis/acme/payments/${index}`));

    const { requests } = after([output(...lines)]);

    expect(requests).toHaveLength(8);
    expect(requests.at(-1)).toMatchObject({ path: '/apis/acme/payments/99', status: 200, consumer: 'mobile-app', method: 'GET' });
  });

  it('leaves out what monitors ask for', () => {
    expect(after([output(request('/health/ready'), request('/metrics'), request('/healthy'))]).requests).toMatchObject([
      { path: '/healthy' },
    ]);
  });

  it('shows errors of a log, and ignores what is not JSON', () => {
    const line = JSON.stringify({
      level: 'error',
      event: 'backend_error',
      path: '/apis/acme/payments',
      status: 502,
      error: 'connection refused',
    });

    const { errors, requests } = after([output('hello', '{"half', line)]);

    expect(errors).toEqual(['12:00:00 gateway: backend_error /apis/acme/payments connection refused']);
    expect(requests).toEqual([]);
  });

  it('tells an apply that failed from one that worked', () => {
    const applied: DevEvent = { type: 'applied', files: 1, summary: '1 changed', text: '~ API acme/payments\n\n', milliseconds: 12 };

    expect(after([applied]).lastApply).toMatchObject({ isApplied: true, lines: ['~ API acme/payments'] });
  });
});
