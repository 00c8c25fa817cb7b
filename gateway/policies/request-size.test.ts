import { describe, expect, it } from 'vitest';
import { policyGateway } from '../../test/helpers/policy-gateway.js';
import { requestSize } from './request-size.js';

const chunked = (bytes: number): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (let sent = 0; sent < bytes; sent += 10) controller.enqueue(new Uint8Array(Math.min(10, bytes - sent)));
      controller.close();
    },
  });

describe('request_size (PL11)', () => {
  it.each([
    [100, 200],
    [101, 413],
  ])('of 100 bytes answers a body of %i bytes with %i, announced or in chunks', async (bytes, status) => {
    const { call, received } = await policyGateway(requestSize, { max_bytes: 100 });

    expect((await call('/x', { method: 'POST', body: 'x'.repeat(bytes) })).status).toBe(status);
    const before = received.length;
    expect((await call('/x', { method: 'POST', body: chunked(bytes) })).status).toBe(status);

    expect(before).toBe(status === 200 ? 1 : 0);
  });

  it('of 0 lets only requests without a body pass', async () => {
    const { call } = await policyGateway(requestSize, { max_bytes: 0 });

    expect((await call('/x')).status).toBe(200);
    expect((await call('/x', { method: 'POST', body: 'x' })).status).toBe(413);
  });

  it.each([
    [50, 100, 51],
    [100, 50, 51],
  ])('of %i bytes beside %i of the API: the smaller holds', async (policy, own, bytes) => {
    const { call } = await policyGateway(requestSize, { max_bytes: policy }, { maxBodyBytes: own });

    expect((await call('/x', { method: 'POST', body: 'x'.repeat(bytes) })).status).toBe(413);
    expect((await call('/x', { method: 'POST', body: 'x'.repeat(50) })).status).toBe(200);
  });
});
