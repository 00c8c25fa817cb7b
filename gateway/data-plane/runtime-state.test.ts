import { expect, it } from 'vitest';
import { DEFAULT_BREAKER } from './breaker.js';
import { createRuntimeState } from './policy-state.js';

it('tells of circuits that begin, change and are forgotten with the last route that names their server', () => {
  const told: string[] = [];
  const onCircuit = (key: string, breaker: { readonly round: number } | undefined): void =>
    void told.push(`${key.split(' ')[0] ?? ''} ${breaker?.round ?? 'forgotten'}`);
  const state = createRuntimeState(() => 0, { event: () => undefined }, true, { onCircuit });

  const breaker = state.breaker('http://a', DEFAULT_BREAKER);
  breaker.reset();
  state.sweep(() => false, []);

  expect(told).toEqual(['http://a 0', 'http://a 1', 'http://a forgotten']);
  expect(state.breaker('http://a', DEFAULT_BREAKER).round).toBe(0);
});
