import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixTable, prefixesOf } from './prefix-table.js';
import { createRouter, emptyShards, segmentCount, shardOf } from './router.js';

function routerOf(prefixes: readonly string[]) {
  const shards = emptyShards<string>().map((shard, index) => {
    const own = prefixes.filter((prefix) => shardOf(prefix) === index);
    return new Map([...shard, ...own.map((prefix) => [prefix, prefix] as const)]);
  });
  return createRouter(shards, new Set(prefixes.map(segmentCount)));
}

/** The rule as written: of all prefixes of whole segments, the longest. */
function naive(prefixes: readonly string[], path: string): string | undefined {
  const fitting = prefixes.filter((prefix) => prefix === '/' || path === prefix || path.startsWith(`${prefix}/`));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

const segment = fc.constantFrom('a', 'ab', 'abc', 'b', 'v1', 'v', '%2e');
const path = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`);

describe('router', () => {
  it('agrees with the naive model on any prefixes and paths', () => {
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 12 }), path, fc.boolean(), (prefixes, asked, slash) => {
        const target = slash && asked !== '/' ? `${asked}/` : asked;

        expect(routerOf(prefixes).match(target)?.target).toBe(naive(prefixes, target));
      }),
      { numRuns: 2000 },
    );
  });

  it('matches whole segments only and says how long the prefix is', () => {
    const router = routerOf(['/apis/acme/pay', '/apis/acme/pay/v1']);

    expect(router.match('/apis/acme/payments')).toBeUndefined();
    expect(router.match('/apis/acme/pay')).toEqual({ target: '/apis/acme/pay', length: 14 });
    expect(router.match('/apis/acme/pay/v1/x')).toEqual({ target: '/apis/acme/pay/v1', length: 17 });
    expect(router.match('/apis/acme/pay/v12')).toEqual({ target: '/apis/acme/pay', length: 14 });
  });

  it('forwards the whole path when the prefix is the root', () => {
    expect(routerOf(['/']).match('/x/y')).toEqual({ target: '/', length: 0 });
  });
});

describe('prefix table', () => {
  it('gives an API the four prefixes of decision K16 (DP10 DP11)', () => {
    expect(prefixesOf({ tenant: 'acme', path: '/billing', version: 'v1' }).map(({ prefix }) => prefix)).toEqual([
      '/apis/acme/billing',
      '/acme/billing',
      '/apis/acme/billing/v1',
      '/acme/billing/v1',
    ]);
    expect(prefixesOf({ tenant: 'acme', path: '/', version: undefined }).map(({ prefix }) => prefix)).toEqual(['/apis/acme', '/acme']);
  });

  const versions = (version: string | undefined, createdAt: string) => {
    const id = version ?? 'plain';
    return { id, createdAt, claims: prefixesOf({ tenant: 't', path: '/p', version }) };
  };

  it('gives the unversioned prefix to the version created first, and to the next one when that goes', () => {
    const table = new PrefixTable();
    table.put('v2', versions('v2', '2026-01-02'));
    table.put('v1', versions('v1', '2026-01-01'));

    expect(table.router().match('/t/p/x')?.target).toBe('v1');
    expect(table.router().match('/t/p/v2/x')?.target).toBe('v2');
    expect(table.put('v1', undefined)).toEqual(new Set(['v1', 'v2']));
    expect(table.router().match('/t/p/x')?.target).toBe('v2');
    expect(table.router().match('/t/p/v1')?.target).toBe('v2');
    expect(table.owned('v2')).toHaveLength(4);
  });

  it('gives it to the API that has no version, whenever that came', () => {
    const table = new PrefixTable();
    table.put('v1', versions('v1', '2026-01-01'));

    table.put('plain', versions(undefined, '2026-02-01'));

    expect(table.router().match('/apis/t/p')?.target).toBe('plain');
    expect(table.lost('v1')).toEqual([]);
  });

  it('never lets the admin API take what the control plane gave', () => {
    const table = new PrefixTable();
    table.put('own', { id: 'own', createdAt: '2020', claims: [{ prefix: '/apis/t/p', rank: 2 }] });
    table.put('plain', versions(undefined, '2026-02-01'));

    expect(table.router().match('/apis/t/p')?.target).toBe('plain');
    expect(table.lost('own')).toEqual([{ prefix: '/apis/t/p', owner: 'plain' }]);
  });

  it('never lets it cut a part out of what the control plane gave, whoever came first', () => {
    const table = new PrefixTable();
    table.put('own', { id: 'own', createdAt: '2020', claims: [{ prefix: '/apis/t/p/secret', rank: 2 }] });
    expect(table.router().match('/apis/t/p/secret/x')?.target).toBe('own');

    expect(table.put('plain', versions(undefined, '2026-02-01'))).toEqual(new Set(['plain', 'own']));
    expect(table.router().match('/apis/t/p/secret/x')?.target).toBe('plain');
    expect(table.lost('own')).toEqual([{ prefix: '/apis/t/p/secret', owner: undefined }]);

    expect(table.put('plain', undefined)).toEqual(new Set(['plain', 'own']));
    expect(table.router().match('/apis/t/p/secret/x')?.target).toBe('own');
  });

  it('leaves routers that were handed out as they were', () => {
    const table = new PrefixTable();
    table.put('v1', versions('v1', '2026-01-01'));
    const before = table.router();

    table.put('v1', undefined);

    expect(before.match('/t/p')?.target).toBe('v1');
    expect(table.router().match('/t/p')).toBeUndefined();
  });
});
