import { describe, expect, it } from 'vitest';
import type { TestExpectation } from '../../../schema/test-file.js';
import { compareAnswer, compareReceived } from './expect.js';

const answer = {
  status: 200,
  headers: { 'content-type': 'application/json', vary: ['origin', 'accept'] },
  body: '{"items":[{"id":1,"name":"a"},{"id":2}],"total":2,"next":null}',
};
const messages = (found: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]): string[] =>
  found.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('an answer', () => {
  it.each([
    { wanted: {} },
    { wanted: { status: 200 } },
    { wanted: { headers: { 'Content-Type': 'application/json', Vary: 'origin, accept', 'x-other': null } } },
    { wanted: { body: { total: 2, items: [{ id: 1 }, {}], next: null } } },
    { wanted: { body: '"total":2' } },
  ])('is as $wanted expects', ({ wanted }) => {
    expect(compareAnswer(wanted, answer)).toEqual([]);
  });

  it.each<{ wanted: TestExpectation; found: string[] }>([
    { wanted: { status: 429 }, found: ['status: The status is 200, not 429.'] },
    { wanted: { headers: { vary: null } }, found: ['headers.vary: The answer has the header vary: "origin, accept".'] },
    { wanted: { headers: { 'retry-after': 60 } }, found: ['headers.retry-after: The answer has no header retry-after.'] },
    {
      wanted: { headers: { 'content-type': 'text/plain' } },
      found: ['headers.content-type: The header content-type is "application/json", not "text/plain".'],
    },
    { wanted: { body: { total: '2' } }, found: ['body.total: It is 2, not "2".'] },
    { wanted: { body: { items: [{ id: 1 }] } }, found: ['body.items: The list has 2 entries, not 1.'] },
    {
      wanted: { body: { items: [{ id: 2 }, { id: 2, name: 'b' }] } },
      found: ['body.items.0.id: It is 1, not 2.', 'body.items.1.name: There is no field "name".'],
    },
    { wanted: { body: { items: { id: 1 } } }, found: ['body.items: It is a list, not a mapping.'] },
    { wanted: { body: { next: [] } }, found: ['body.next: It is nothing, not a list.'] },
    { wanted: { body: 'absent' }, found: ['body: The body does not contain "absent".'] },
  ])('is not as $wanted expects', ({ wanted, found }) => {
    expect(messages(compareAnswer(wanted, answer))).toEqual(found);
  });

  it('that is no JSON has no fields', () => {
    expect(messages(compareAnswer({ body: { a: 1 } }, { ...answer, body: 'oops' }))).toEqual(['body: The body is not JSON.']);
  });
});

describe('what reached the upstreams', () => {
  const received = [
    { method: 'GET', path: '/first', headers: {}, body: '' },
    { method: 'POST', path: '/17?x=1', headers: { host: 'orders.internal' }, body: '{"amount":12}' },
  ];

  it('is counted, and the last request is looked at', () => {
    const wanted = {
      requests: 2,
      method: 'POST',
      path: '/17?x=1',
      headers: { host: 'orders.internal', 'x-api-key': null },
      body: { amount: 12 },
    } as const;

    expect(compareReceived(wanted, received)).toEqual([]);
    expect(compareReceived(undefined, received)).toEqual([]);
    expect(compareReceived({ requests: 0 }, [])).toEqual([]);
  });

  it('differs in everything that is named', () => {
    const wanted = { requests: 1, method: 'PUT', path: '/18', headers: { host: 'billing.internal' }, body: { amount: 13 } } as const;

    expect(messages(compareReceived(wanted, received))).toEqual([
      'upstream.requests: 2 requests reached upstreams, not 1.',
      'upstream.method: The method is POST, not PUT.',
      'upstream.path: The path is "/17?x=1", not "/18".',
      'upstream.headers.host: The header host is "orders.internal", not "billing.internal".',
      'upstream.body.amount: It is 12, not 13.',
    ]);
    expect(messages(compareReceived({ path: '/18' }, []))).toEqual(['upstream: No request reached an upstream.']);
  });
});
