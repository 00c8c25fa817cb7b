import { render } from 'ink-testing-library';
import { describe, expect, it } from 'vitest';
import { initialState, reduce, type DevState } from '../operations/dev/state.js';
import { DevView, type DevSource } from './dev.js';

const fixed = (state: DevState): DevSource => ({ current: () => state, subscribe: () => () => undefined });
const at = '12:00:00';

const running = [
  { type: 'ready', service: 'control-plane', url: 'http://127.0.0.1:8000' } as const,
  { type: 'ready', service: 'gateway', url: 'http://127.0.0.1:3001' } as const,
].reduce<DevState>((state, event) => reduce(state, event, at), initialState);

describe('the terminal view of dev', () => {
  it('shows services with health and address, requests, the last apply and errors', () => {
    const lines = Buffer.from(
      '{"level":"info","event":"request completed","consumer":"mobile-app","path":"/apis/acme/payments/1","status":200,"latency_ms":3,"method":"GET"}\n',
    );
    const withRequest = reduce(running, { type: 'output', service: 'gateway', stream: 'stdout', lines }, at);
    const withApply = reduce(
      withRequest,
      { type: 'applied', files: 4, summary: '1 changed', text: '~ API acme/payments\n', milliseconds: 9 },
      at,
    );
    const state = reduce(withApply, { type: 'died', service: 'gateway', reason: 'signal SIGKILL', retryMs: 100 }, at);

    const { lastFrame } = render(<DevView source={fixed(state)} quit={() => undefined} />);

    expect(lastFrame()).toMatchInlineSnapshot(`
      "
      Services
      ● control-plane  healthy   http://127.0.0.1:8000
      ● gateway        down      http://127.0.0.1:3001 signal SIGKILL

      Last requests
      12:00:00 200 GET /apis/acme/payments/1 3 ms mobile-app

      Last apply
      12:00:00 1 changed
      ~ API acme/payments

      Errors
      12:00:00 gateway ended: signal SIGKILL; restarting


      q quits · edits of manifests are applied as they are saved"
    `);
  });

  it('cannot be steered by what a path contains', () => {
    const lines = Buffer.from(
      `${JSON.stringify({ level: 'info', event: 'request completed', path: '/\u001b[2J', status: 200, latency_ms: 1, method: 'GET' })}\n`,
    );
    const state = reduce(running, { type: 'output', service: 'gateway', stream: 'stdout', lines }, at);

    const { lastFrame } = render(<DevView source={fixed(state)} quit={() => undefined} />);

    expect(lastFrame()).toContain('/\\u001b[2J');
  });

  it.each(['q', '\u0003'])('asks to quit on %j', async (key) => {
    let asked = 0;
    const { stdin } = render(<DevView source={fixed(running)} quit={() => asked++} />);
    await new Promise((resolve) => setTimeout(resolve, 50));

    stdin.write(key);
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(asked).toBe(1);
  });
});
