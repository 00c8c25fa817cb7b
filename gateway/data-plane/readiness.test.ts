import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/helpers/data-plane.js';
import type { AdminApi } from './config-source.js';
import { createReadiness, createSharedReadiness } from './readiness.js';

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

describe('with others who serve too', () => {
  function share() {
    const here = { isReady: false, settle: Promise.resolve() };
    const asked: (() => void)[] = [];
    const readiness = createSharedReadiness({
      settled: () => here.settle,
      isReady: () => here.isReady,
      othersSettled: () => new Promise((resolve) => asked.push(resolve)),
    });
    return { here, asked, readiness };
  }

  it('is ready when all serve the first configuration, however many changes follow before that', async () => {
    const { here, asked, readiness } = share();
    here.isReady = true;

    const first = readiness.changed();
    const following = [readiness.changed(), readiness.changed()];
    await eventually(() => asked.length).toBe(3);
    const isReadyBefore = readiness.isReady();
    asked[0]?.();
    await first;

    expect([isReadyBefore, readiness.isReady()]).toEqual([false, true]);
    for (const answer of asked) answer();
    await Promise.all([...following, readiness.changed()]);
    expect(asked).toHaveLength(3);
  });

  it('is not ready by a change that is no configuration, also when one comes while the others are asked', async () => {
    const { here, asked, readiness } = share();
    const early = readiness.changed();
    await eventually(() => asked.length).toBe(1);

    here.isReady = true;
    const configuring = readiness.changed();
    await eventually(() => asked.length).toBe(2);
    asked[0]?.();
    await early;

    expect(readiness.isReady()).toBe(false);
    asked[1]?.();
    await configuring;
    expect(readiness.isReady()).toBe(true);
  });
});
