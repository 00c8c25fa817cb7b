import { describe, expect, it } from 'vitest';
import { suggest } from './did-you-mean.js';

describe('a suggestion', () => {
  it.each([
    ['pth', ['path', 'version'], 'path'],
    ['upstreamUrl', ['upstream_url', 'url'], 'upstream_url'],
    ['UPSTREAM-URL', ['upstream_url'], 'upstream_url'],
    ['Polcy', ['Policy', 'Plan'], 'Policy'],
    ['api', ['API'], 'API'],
    ['mehtods', ['methods'], 'methods'],
    ['paymnets', ['payments', 'payment'], 'payments'],
  ])('for %j among %j is %j', (name, candidates, expected) => {
    expect(suggest(name, candidates)).toBe(expected);
  });

  it.each([
    ['Gadget', ['Tenant', 'Plan']],
    ['', ['a']],
    ['x'.repeat(1000), ['x'.repeat(999)]],
    ['zzz', []],
    ['same', ['same']],
  ])('for %j among %j is none', (name, candidates) => {
    expect(suggest(name, candidates)).toBeUndefined();
  });
});
