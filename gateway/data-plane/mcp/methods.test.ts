import { expect, it } from 'vitest';
import { makeCredential, makeRoute, makeSnapshot } from '../../../test/helpers/data-plane.js';
import { toolSource } from '../../../test/helpers/mcp.js';
import { InHand } from './in-hand.js';
import { resultOf, type Asker } from './methods.js';

/** Small, and long to read: each operation has a hundred parameters, which all of them share. */
function heavyDocument(): object {
  const names = Array.from({ length: 100 }, (_each, at) => `p${at}`);
  const parameters = Object.fromEntries(names.map((name) => [name, { name, in: 'query', schema: { type: 'string' } }]));
  const shared = names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
  const paths = Object.fromEntries(Array.from({ length: 500 }, (_each, at) => [`/${at}`, { $ref: '#/components/pathItems/shared' }]));
  return { openapi: '3.1.0', paths, components: { parameters, pathItems: { shared: { get: { parameters: shared } } } } };
}

function askerOf(openapi: object): Asker {
  const snapshot = makeSnapshot([makeRoute({ upstreamUrl: 'http://127.0.0.1:9', tools: toolSource({ openapi }) })]);
  const carrier = { gateway: { snapshot: () => snapshot } };
  return { carrier, credential: makeCredential(), inHand: new InHand(), signal: new AbortController().signal } as unknown as Asker;
}

it('makes a page of long tools in slices, so that other requests are answered in between', async () => {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);

  const { tools } = await resultOf(askerOf(heavyDocument()), 1, 'tools/list', {});
  isOver = true;

  expect((tools as readonly unknown[]).length).toBeGreaterThan(50);
  expect(turns).toBeGreaterThan(0);
});
