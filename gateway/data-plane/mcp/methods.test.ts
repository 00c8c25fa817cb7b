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

function askerOf(...documents: readonly object[]): Asker {
  const draft = { upstreamUrl: 'http://127.0.0.1:9', authRequired: false };
  const snapshot = makeSnapshot(
    documents.map((openapi, at) => ({ ...makeRoute({ ...draft, tools: toolSource({ openapi }) }), api: `api-${at}` })),
  );
  const carrier = { gateway: { snapshot: () => snapshot } };
  return { carrier, credential: makeCredential(), inHand: new InHand(), signal: new AbortController().signal } as unknown as Asker;
}

/** The answer to a first listing, and how often others had a turn meanwhile. */
async function listed(asker: Asker) {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const { tools } = await resultOf(asker, 1, 'tools/list', {});
  isOver = true;
  return { tools: tools as readonly unknown[], turns };
}

it('makes a page of long tools in slices, so that other requests are answered in between', async () => {
  const { tools, turns } = await listed(askerOf(heavyDocument()));

  expect(tools.length).toBeGreaterThan(50);
  expect(turns).toBeGreaterThan(0);
});

it('makes the tools of many APIs in slices when they are first listed', async () => {
  const document = (at: number): object => ({
    openapi: '3.1.0',
    paths: Object.fromEntries(Array.from({ length: 500 }, (_each, n) => [`/${at}/${n}`, { get: { operationId: `get ${n}` } }])),
  });

  const { tools, turns } = await listed(askerOf(...Array.from({ length: 60 }, (_each, at) => document(at))));

  expect(tools).toHaveLength(100);
  expect(turns).toBeGreaterThan(3);
});
