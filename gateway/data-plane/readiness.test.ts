import { expect, it } from 'vitest';
import type { AdminApi } from './config-source.js';
import { createReadiness } from './readiness.js';

interface Held {
  position: { readonly number: number; readonly store: string } | undefined;
  readonly adminApis: Map<string, AdminApi>;
}

function start(mayServeAlone = false) {
  const source: Held = { position: undefined, adminApis: new Map<string, AdminApi>() };
  return { source, readiness: createReadiness(source, () => mayServeAlone) };
}

it('is ready when a configuration is served, and not while it is only held', () => {
  const { source, readiness } = start();
  readiness.published();
  expect(readiness.isReady()).toBe(false);

  source.position = { number: 0, store: 'a' };
  const isReadyBefore = readiness.isReady();
  readiness.published();

  expect([isReadyBefore, readiness.isReady()]).toEqual([false, true]);
});

it.each([
  ['alone', true],
  ['beside a control plane, or with damaged files', false],
])('takes what the admin API gave for a configuration, and stays ready without its last route: %s %s', (_where, mayServeAlone) => {
  const { source, readiness } = start(mayServeAlone);
  source.adminApis.set('a', { id: 'a' } as AdminApi);
  readiness.published();

  const isReady = readiness.isReady();
  source.adminApis.clear();
  readiness.published();

  expect([isReady, readiness.isReady()]).toEqual([mayServeAlone, mayServeAlone]);
});
