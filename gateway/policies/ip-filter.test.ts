import { describe, expect, it } from 'vitest';
import { findingsOf, policyGateway } from '../../test/helpers/policy-gateway.js';
import { eventually } from '../../test/helpers/data-plane.js';
import { ipFilter } from './ip-filter.js';

describe('ip_filter (PL11)', () => {
  it.each([
    [{ allow: ['127.0.0.1'] }, 200],
    [{ allow: ['127.0.0.0/8'], deny: ['127.0.0.2'] }, 200],
    [{ allow: ['10.0.0.0/8', '2001:db8::/32'] }, 403],
    [{ deny: ['127.0.0.0/8'] }, 403],
    [{ allow: ['0.0.0.0/0'], deny: ['127.0.0.1'] }, 403],
    [{ deny: ['10.0.0.0/8'] }, 200],
    [{ allow: [] }, 403],
  ])('%j answers %i', async (config, status) => {
    const { call, received } = await policyGateway(ipFilter, config);

    const answer = await call('/x');

    expect(answer.status).toBe(status);
    expect(received).toHaveLength(status === 200 ? 1 : 0);
    if (status === 403)
      expect(await answer.json()).toEqual({ error: { code: 'forbidden', message: 'Requests from this address are not accepted.' } });
  });

  it('goes before the key is looked at, and by the address that a trusted proxy names', async () => {
    const { call } = await policyGateway(ipFilter, { allow: ['192.0.2.0/24'] }, { trustedProxies: ['127.0.0.1'] });

    expect((await call('/x', { key: 'unknown' })).status).toBe(403);
    expect((await call('/x', { headers: { 'x-forwarded-for': '192.0.2.9' } })).status).toBe(200);
    expect((await call('/x', { headers: { 'x-forwarded-for': '192.0.3.9' } })).status).toBe(403);
  });

  it('is the reason in the line of a request that it refuses', async () => {
    const { call, gateway } = await policyGateway(ipFilter, { allow: ['192.0.2.0/24'] });

    await call('/x');

    await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toMatchObject([
      { status: 403, reason: 'ip_filter' },
    ]);
  });

  it('believes nobody else', async () => {
    const { call } = await policyGateway(ipFilter, { allow: ['192.0.2.0/24'] });

    expect((await call('/x', { headers: { 'x-forwarded-for': '192.0.2.9' } })).status).toBe(403);
  });

  it.each([
    [{}, '', 'Give allow, deny, or both.'],
    [{ allow: ['10.0.0.1/8'] }, 'allow.0', 'bits beyond its prefix'],
    [{ deny: ['10.0.0.0/8', 'localhost'] }, 'deny.1', 'not an IP address'],
  ])('%j is no config', (config, path, message) => {
    expect(findingsOf(ipFilter, config)).toEqual([{ path, message: expect.stringContaining(message) }]);
  });
});
