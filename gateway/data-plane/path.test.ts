import { expect, it } from 'vitest';
import { parseTarget, pathProblem } from './path.js';

const canonical = [
  '/',
  '/a',
  '/a/',
  '/apis/acme/payments/v1',
  '/a.b/..c/...',
  '/a/.well-known',
  '/caf%C3%A9',
  '/a%20b',
  "/x!$&'()*+,=:@~",
  '/a%3Fb',
];

it.each(canonical)('accepts the canonical path %s', (path) => {
  expect(pathProblem(path)).toBeUndefined();
});

const refused = [
  ['encoded slash', '/a%2Fb'],
  ['encoded slash in lower case', '/a%2fb'],
  ['encoded backslash', '/a%5Cb'],
  ['encoded NUL', '/a%00b'],
  ['encoded percent', '/a%252Fb'],
  ['encoded line break', '/a%0d%0ab'],
  ['encoded delete', '/a%7f'],
  ['dot segment', '/a/./b'],
  ['two dots', '/a/../b'],
  ['two dots at the end', '/a/..'],
  ['encoded dots', '/a/%2e%2e/b'],
  ['half encoded dots', '/a/.%2E/b'],
  ['empty segment', '/a//b'],
  ['empty segment at the start', '//a'],
  ['two slashes at the end', '/a//'],
  ['backslash', '/a\\b'],
  ['matrix parameter', '/a;x=1/b'],
  ['incomplete escape', '/a%2'],
  ['no hexadecimal escape', '/a%zz'],
  ['overlong UTF-8 slash', '/a%c0%afb'],
  ['raw non-ASCII', '/caf\u00e9'],
  ['raw control character', '/a\u0001'],
  ['asterisk', '*'],
  ['empty', ''],
] as const;

it.each(refused)('refuses a path with %s', (_name, path) => {
  expect(pathProblem(path)).toEqual(expect.any(String));
});

it('takes the path check in linear time: the square would not end in time', { timeout: 10_000 }, () => {
  const path = `/${'a/'.repeat(500_000)}%`;

  expect(pathProblem(path)).toEqual(expect.any(String));
});

it('splits a target and leaves the query as it is', () => {
  expect(parseTarget('/a?b=%2F&c=?')).toEqual({ path: '/a', query: '?b=%2F&c=?', authority: undefined });
  expect(parseTarget('http://host:1/a?b')).toEqual({ path: '/a', query: '?b', authority: 'host:1' });
  expect(parseTarget('HTTP://host')).toEqual({ path: '/', query: '', authority: 'host' });
});

it.each(['*', 'host:443', '/a#b', 'ftp://host/a'])('takes %s for no target of a gateway', (target) => {
  expect(parseTarget(target)).toBeUndefined();
});
