import { describe, expect, it } from 'vitest';
import { ageOnArrival, directivesOf, fieldsOf, instantOf, isUnchanged, mayBeKept, saidLifetime, variesOn } from './freshness.js';

const NOW = Date.parse('Sun, 06 Nov 1994 08:50:00 GMT');
const fields = (record: Readonly<Record<string, string>>) => fieldsOf(Object.entries(record).flat());
const lifetime = (record: Readonly<Record<string, string>>) => saidLifetime(fields(record), directivesOf(fields(record)), NOW);
const kept = (status: number, record: Readonly<Record<string, string>> = {}) =>
  mayBeKept(status, fields(record), directivesOf(fields(record)));

describe('how long an answer is fresh (RFC 9111, 4.2.1)', () => {
  it.each([
    [{}, undefined],
    [{ 'Cache-Control': 'max-age=60' }, 60_000],
    [{ 'Cache-Control': 'MAX-AGE=60' }, 60_000],
    [{ 'Cache-Control': 'public, max-age="60"' }, 60_000],
    [{ 'Cache-Control': 'max-age=60, s-maxage=10' }, 10_000],
    [{ 'Cache-Control': 's-maxage=0, max-age=60' }, 0],
    [{ 'Cache-Control': 'max-age=60, max-age=90' }, 0],
    [{ 'Cache-Control': 'max-age=-1' }, 0],
    [{ 'Cache-Control': 'max-age=1e9' }, 0],
    [{ 'Cache-Control': 'max-age=99999999999999999999' }, 2 ** 31 * 1000],
    [{ 'Cache-Control': 'max-age=60, no-cache' }, 0],
    [{ 'Cache-Control': 'max-age=60, no-cache="x-a"' }, 0],
    [{ Pragma: 'no-cache', Expires: 'Sun, 06 Nov 1994 09:50:00 GMT' }, 0],
    [{ 'Cache-Control': 'max-age=60', Expires: '0' }, 60_000],
    [{ Expires: 'Sun, 06 Nov 1994 08:51:00 GMT' }, 60_000],
    [{ Date: 'Sun, 06 Nov 1994 08:49:00 GMT', Expires: 'Sun, 06 Nov 1994 08:51:00 GMT' }, 120_000],
    [{ Expires: '0' }, 0],
    [{ Expires: 'never' }, 0],
    [{ 'X-Other': 'max-age=60', 'Cache-Control': 'ext="max-age=60"' }, undefined],
  ])('%j: %s', (headers, expected) => {
    expect(lifetime(headers)).toBe(expected);
  });
});

it.each([['Sun, 06 Nov 1994 08:49:37 GMT'], ['Sunday, 06-Nov-94 08:49:37 GMT'], ['Sun Nov  6 08:49:37 1994']])(
  'reads a date as %s',
  (text) => {
    expect(instantOf(text)).toBe(784_111_777_000);
  },
);

it.each([
  [{}, 0, 0],
  [{}, 500, 500],
  [{ Age: '7' }, 0, 7000],
  [{ Age: '7' }, 500, 7500],
  [{ Age: '7, 9' }, 0, 7000],
  [{ Age: 'old' }, 0, 0],
  [{ Date: 'Sun, 06 Nov 1994 08:49:50 GMT' }, 500, 10_000],
  [{ Date: 'Sun, 06 Nov 1994 08:49:50 GMT', Age: '30' }, 0, 30_000],
  [{ Date: 'Sun, 06 Nov 1994 09:49:50 GMT' }, 0, 0],
])('counts the age of an answer from %j, which took %i ms: %i ms (RFC 9111, 4.2.3)', (headers, delay, expected) => {
  expect(ageOnArrival(fields(headers), NOW, delay)).toBe(expected);
});

it.each([
  [200, {}, true],
  [404, {}, true],
  [302, {}, false],
  [302, { 'Cache-Control': 'max-age=1' }, true],
  [206, { 'Cache-Control': 'max-age=1' }, false],
  [304, { 'Cache-Control': 'max-age=1' }, false],
  [500, { 'Cache-Control': 'max-age=1' }, false],
  [200, { 'Cache-Control': 'No-Store' }, false],
  [200, { 'Cache-Control': 'public, private' }, false],
  [200, { 'Cache-Control': 'private="x-a"' }, false],
  [200, { 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'a=b' }, false],
])('an answer %i with %j may be kept: %s (RFC 9111, 3)', (status, headers, expected) => {
  expect(kept(status, headers)).toBe(expected);
});

it.each([
  [{}, []],
  [{ Vary: 'Accept, accept-language,ACCEPT' }, ['accept', 'accept-language']],
  [{ Vary: 'Accept, *' }, undefined],
])('%j varies on %j', (headers, expected) => {
  expect(variesOn(fields(headers))).toEqual(expected);
});

describe('what a client has already (RFC 9110, 13)', () => {
  const answer = fields({ ETag: '"a,b"', 'Last-Modified': 'Sun, 06 Nov 1994 08:00:00 GMT' });
  it.each([
    [{}, false],
    [{ 'If-None-Match': '"a,b"' }, true],
    [{ 'If-None-Match': '"x", W/"a,b"' }, true],
    [{ 'If-None-Match': '*' }, true],
    [{ 'If-None-Match': '"b"' }, false],
    [{ 'If-None-Match': '"b"', 'If-Modified-Since': 'Sun, 06 Nov 1994 08:00:00 GMT' }, false],
    [{ 'If-Modified-Since': 'Sun, 06 Nov 1994 08:00:00 GMT' }, true],
    [{ 'If-Modified-Since': 'Sun, 06 Nov 1994 07:59:59 GMT' }, false],
    [{ 'If-Modified-Since': 'yesterday' }, false],
  ])('%j: %s', (request, expected) => {
    expect(isUnchanged(fields(request), answer)).toBe(expected);
  });
});
