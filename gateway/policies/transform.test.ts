import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findingsOf, hooksOf, policyGateway } from '../../test/helpers/policy-gateway.js';
import { KEY, makeRoute, startGateway } from '../../test/helpers/data-plane.js';
import { errorReply } from '../data-plane/own-routes.js';
import type { Exchange, Hooks } from './contract.js';
import { transform } from './transform.js';

describe('transform (PL11)', () => {
  it('removes, renames and sets headers on the way to the upstream, and leaves the others', async () => {
    const { call, received } = await policyGateway(transform, {
      request: { headers: { remove: ['X-Debug'], rename: { 'X-Old': 'X-New' }, set: { 'X-Source': 'gateway', 'X-Tier': 'gold' } } },
    });

    await call('/a', { headers: { 'x-debug': '1', 'X-OLD': 'kept', 'x-new': 'replaced', 'x-tier': 'forged', 'x-other': 'o' } });

    const [{ headers } = { headers: {} }] = received;
    expect(headers).toMatchObject({ 'x-new': 'kept', 'x-source': 'gateway', 'x-tier': 'gold', 'x-other': 'o' });
    expect(headers).not.toHaveProperty('x-debug');
    expect(headers).not.toHaveProperty('x-old');
  });

  it('keeps a header that would have been replaced when there is nothing to rename', async () => {
    const { call, received } = await policyGateway(transform, { request: { headers: { rename: { 'X-Old': 'X-New' } } } });

    await call('/a', { headers: { 'x-new': 'mine' } });

    expect(received[0]?.headers).toMatchObject({ 'x-new': 'mine' });
  });

  it.each([
    [{ strip_prefix: '/v1' }, '/v1/items?q=%2F', '/items?q=%2F'],
    [{ strip_prefix: '/v1' }, '/v10/items', '/v10/items'],
    [{ strip_prefix: '/v1' }, '/v1', '/'],
    [{ add_prefix: '/internal/v2' }, '/items', '/internal/v2/items'],
    [{ add_prefix: '/internal' }, '', '/internal'],
    [{ strip_prefix: '/v1', add_prefix: '/v2' }, '/v1/items', '/v2/items'],
  ])('%j turns %s into %s', async (path, asked, expected) => {
    const { call, received } = await policyGateway(transform, { request: { path } });

    await call(asked);

    expect(received[0]?.url).toBe(expected);
  });

  it('changes the headers of every answer, the gateway’s own errors included', async () => {
    const { call } = await policyGateway(transform, {
      response: { headers: { remove: ['Content-Language', 'X-Powered-By'], set: { 'X-Frame-Options': 'DENY' } } },
    });

    const answer = await call('/x');

    expect([answer.headers.get('x-frame-options'), answer.headers.get('x-powered-by')]).toEqual(['DENY', null]);
    expect(answer.headers.get('x-request-id')).not.toBeNull();
  });

  it('changes the headers of what is refused before it: a wrong key, a wrong method; its request rules see none of them', async () => {
    const { call, received } = await policyGateway(transform, {
      request: { headers: { set: { 'X-Source': 'gateway' } } },
      response: { headers: { set: { 'X-Frame-Options': 'DENY' } } },
    });

    const answers = [await call('/x', { key: 'wrong' }), await call('/x', { method: 'LINK' }), await call('/x')];

    expect(answers.map(({ status, headers }) => [status, headers.get('x-frame-options')])).toEqual([
      [401, 'DENY'],
      [405, 'DENY'],
      [200, 'DENY'],
    ]);
    expect(received).toHaveLength(1);
  });

  it('changes the headers of what a limit refuses, and no other policy sees an answer that it did not come to', async () => {
    const seen: number[] = [];
    const refuse: Hooks = { request: () => errorReply('rate_limited') };
    const watch: Hooks = { response: (_exchange, { status }) => void seen.push(status) };
    const frame = hooksOf(transform, { response: { headers: { set: { 'X-Frame-Options': 'DENY' } } } });
    const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', hooks: [refuse, watch, frame] })] });

    const answer = await fetch(`${gateway.url}/x`, { headers: { 'x-api-key': KEY } });

    expect([answer.status, answer.headers.get('x-frame-options'), seen]).toEqual([429, 'DENY', []]);
  });

  it.each([
    [{}, '', 'Give request, response, or both.'],
    [{ request: { headers: { remove: ['Host'] } } }, 'request.headers.remove.0', 'gateway’s own'],
    [{ request: { headers: { set: { 'Content-Length': '3' } } } }, 'request.headers.set', 'gateway’s own'],
    [{ request: { headers: { set: { 'x-consumer-id': 'admin' } } } }, 'request.headers.set', 'gateway’s own'],
    [{ request: { headers: { set: { Authorization: 'Basic abc' } } } }, 'request.headers.set', 'credentials'],
    [{ request: { headers: { rename: { 'X-Token': 'Authorization' } } } }, 'request.headers.rename.X-Token', 'credentials'],
    [{ request: { headers: { set: { 'X-A': 'a\r\nX-B: b' } } } }, 'request.headers.set.X-A', 'printable ASCII'],
    [{ response: { headers: { set: { 'Access-Control-Allow-Origin': '*' } } } }, 'response.headers.set', 'gateway’s own'],
    [{ request: { path: { add_prefix: '/a/../b' } } }, 'request.path.add_prefix', 'dot segments'],
    [{ request: { path: { add_prefix: '/a/' } } }, 'request.path.add_prefix', 'without a slash'],
    [{ request: { path: { strip_prefix: 'a' } } }, 'request.path.strip_prefix', 'segments'],
    [{ request: { headers: { set: { x_y: '1' } } } }, 'request.headers.set', 'underscore'],
  ])('%j is no config', (config, path, message) => {
    expect(findingsOf(transform, config)[0]).toEqual({ path, message: expect.stringContaining(message) });
  });

  it('never sends a header twice that it has set, whatever the client sends', () => {
    const hooks = hooksOf(transform, { request: { headers: { remove: ['a'], rename: { b: 'c' }, set: { d: '1' } } } });
    const names = fc.constantFrom('a', 'A', 'b', 'B', 'c', 'C', 'd', 'D', 'e');
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.string({ maxLength: 3 }))), (pairs) => {
        const head = { path: '', headers: pairs.flat() };
        hooks.upstream?.(head, {} as Exchange);
        const left = head.headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
        const count = (name: string): number => pairs.filter(([given]) => given.toLowerCase() === name).length;
        expect(left.filter((name) => name === 'a' || name === 'b')).toEqual([]);
        expect(left.filter((name) => name === 'd')).toHaveLength(1);
        expect(left.filter((name) => name === 'e')).toHaveLength(count('e'));
        expect(left.filter((name) => name === 'c')).toHaveLength(count('b') > 0 ? count('b') : count('c'));
      }),
    );
  });
});
