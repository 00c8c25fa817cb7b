import { expect, it } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import type { DevEvent } from './events.js';
import { eventText } from './lines.js';

it.each<{ event: DevEvent; text: string }>([
  { event: { type: 'starting', service: 'gateway' }, text: 'dev: gateway is starting\n' },
  {
    event: { type: 'ready', service: 'gateway', url: 'http://127.0.0.1:3001', pid: 7 },
    text: 'dev: gateway is ready at http://127.0.0.1:3001 (pid 7)\n',
  },
  {
    event: { type: 'died', service: 'gateway', reason: 'signal SIGKILL', retryMs: 100 },
    text: 'dev: gateway has ended unexpectedly (signal SIGKILL); it is started again in 0.1 s\n',
  },
  {
    event: { type: 'applied', files: 1, summary: '1 changed', text: '~ API\n', milliseconds: 4 },
    text: '~ API\ndev: applied 1 file in 4 ms: 1 changed\n',
  },
  {
    event: { type: 'apply_failed', error: new StoaError('conflict'), text: 'Error: Conflict\n' },
    text: 'Error: Conflict\ndev: not applied; the running configuration stays as it was\n',
  },
  { event: { type: 'stopping', signal: 'SIGTERM' }, text: 'dev: SIGTERM: finishing what is in flight\n' },
  { event: { type: 'health', service: 'gateway', isHealthy: true, detail: '' }, text: '' },
])('says $event.type in one line', ({ event, text }) => {
  expect(eventText(event)).toBe(text);
});

it('passes the lines of a service on as they are', () => {
  const lines = Buffer.from('{"event":"request completed"}\n');

  expect(eventText({ type: 'output', service: 'gateway', stream: 'stdout', lines })).toBe(lines);
});

it('keeps what others have written from steering the terminal', () => {
  expect(eventText({ type: 'notice', text: 'a\u001b[2Jb' })).toBe('dev: a\\u001b[2Jb\n');
});
