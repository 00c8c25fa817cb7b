import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../test/helpers/control-plane.js';

let control: TestControlPlane;
beforeAll(async () => {
  control = await openControlPlane();
  await control.send('POST /v1/tenants', { name: 'acme', tier: 'starter' });
});
afterAll(() => control.close());

describe('every answer', () => {
  it.each([
    ['an unknown route', 'GET /v1/nothing-here', undefined, 404, 'not_found'],
    ['an unknown route outside of /v1', 'GET /nothing-here', undefined, 404, 'not_found'],
    ['a wrong method', 'DELETE /v1/tenants', undefined, 405, 'method_not_allowed'],
    ['malformed JSON', 'POST /v1/tenants', '{"name": "acme"', 400, 'validation_error'],
    ['a JSON text that is no object', 'POST /v1/tenants', '[1, 2]', 400, 'validation_error'],
    ['null', 'POST /v1/tenants', 'null', 400, 'validation_error'],
    ['__proto__ in a body', 'POST /v1/tenants', '{"name": "a", "__proto__": {"tier": "enterprise"}}', 400, 'validation_error'],
    ['constructor deep in a body', 'POST /v1/tenants', '{"name": "a", "settings": {"constructor": {}}}', 400, 'validation_error'],
    ['a body that is too deep', 'POST /v1/tenants', `{"name": ${'['.repeat(5000)}${']'.repeat(5000)}}`, 400, 'validation_error'],
    ['a control character', 'POST /v1/tenants', '{"name": "a", "region": "x\\u0000y"}', 400, 'validation_error'],
    ['a wrong type', 'POST /v1/tenants', { name: 7 }, 400, 'validation_error'],
    ['a page that is no number', 'GET /v1/tenants?page=one', undefined, 400, 'validation_error'],
    ['a page given twice', 'GET /v1/tenants?page=1&page=2', undefined, 400, 'validation_error'],
    ['a page that is too long', 'GET /v1/tenants?limit=101', undefined, 400, 'validation_error'],
    ['a path that cannot be decoded', 'GET /v1/tenants/%zz', undefined, 400, 'bad_request'],
    ['an unknown tenant', 'GET /v1/tenants/nobody', undefined, 404, 'not_found'],
  ])('to %s has the documented error body (CV13 CV17)', async (_, line, body, status, code) => {
    const answer = await control.send(line, body);

    expect([answer.status, answer.body?.error?.code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.body.error.message).toMatch(/\S/);
  });

  it('names the methods that are supported', async () => {
    const answer = await control.send('DELETE /v1/tenants');

    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])('refuses %s with 415', async (type) => {
    const answer = await control.send('POST /v1/tenants', 'name=acme', { headers: { 'content-type': type } });

    expect([answer.status, answer.body.error.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('says what size would fit when a body is too large', async () => {
    const answer = await control.send('POST /v1/tenants', { name: 'x'.repeat(1024 * 1024) });

    expect([answer.status, answer.body.error.code]).toEqual([413, 'payload_too_large']);
    expect(answer.body.error.message).toContain('at most 1 MiB (1048576 bytes) fit');
  });

  it('carries a request id, the sent one when it is well formed', async () => {
    const kept = await control.send('GET /health', undefined, { headers: { 'x-request-id': 'req-1.2' } });
    const forged = await control.send('GET /health', undefined, { headers: { 'x-request-id': 'a b"\t' } });

    expect(kept.headers['x-request-id']).toBe('req-1.2');
    expect(forged.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('hides what is our own fault, and logs it with its stack under the same id (CV20)', async () => {
    const broken = await openControlPlane();
    Object.defineProperty(broken.cp, 'gatewayUrl', {
      get: () => {
        throw new Error('secret internals');
      },
    });

    const answer = await broken.send('POST /v1/tenants', { name: 'acme' }, { headers: { 'x-request-id': 'req-7' } });

    expect([answer.status, answer.body.error.code]).toEqual([500, 'internal_error']);
    expect(answer.text).toContain('req-7');
    expect(answer.text).not.toContain('internals');
    expect(broken.logLines.join('')).toMatch(/internal_error.*req-7.*secret internals.*routes\.ts/s);
    await broken.close();
  });

  it('writes one line a request, without the query', async () => {
    await control.send('GET /v1/tenants?limit=3');

    const line = JSON.parse(control.logLines.at(-1) ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ event: 'request completed', path: '/v1/tenants', status: 200, user: 'service-account-control-plane-api' });
  });

  it('says with 503 and an event that the database cannot be written, and recovers without a restart (LG7 OP13)', async () => {
    const failing = await openControlPlane();
    await failing.setReadOnly(true);

    const write = await failing.send('POST /v1/tenants', { name: 'acme' });
    const ready = await failing.send('GET /health/ready');
    const read = await failing.send('GET /v1/tenants');

    expect([write.status, write.body.error.code, ready.status, read.status]).toEqual([503, 'service_unavailable', 503, 200]);
    expect(write.text).not.toMatch(/sqlite|readonly/i);
    expect(failing.logLines.join('')).toContain('"level":"error","event":"database_connection_failed"');
    await failing.setReadOnly(false);
    failing.advance(1000);
    expect((await failing.send('GET /health/ready')).status).toBe(200);
    expect((await failing.send('POST /v1/tenants', { name: 'acme' })).status).toBe(201);
    await failing.close();
  });
});

describe('bodies', () => {
  it('may be missing, with and without a content type', async () => {
    const { id } = await consumer();

    const withType = await control.send(`POST /v1/consumers/acme/${id}/rotate-key`, '', {
      headers: { 'content-type': 'application/json' },
    });
    const without = await control.send(`POST /v1/consumers/acme/${id}/rotate-key`);

    expect([withType.status, without.status]).toEqual([409, 409]);
  });

  it('may be gzip where sets are sent, and nowhere else', async () => {
    const set = gzipSync(JSON.stringify({ project: 'p', resources: [] }));
    const headers = { 'content-encoding': 'gzip' };

    expect((await control.send('POST /v1/plan', set, { headers })).status).toBe(200);
    expect((await control.send('POST /v1/tenants', set, { headers })).status).toBe(415);
    expect((await control.send('POST /v1/plan', Buffer.from('not gzip'), { headers })).body.error.code).toBe('bad_request');
    expect((await control.send('POST /v1/plan', set, { headers: { 'content-encoding': 'br' } })).status).toBe(415);
  });

  it('stop a gzip bomb at 64 MiB', async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024, 0x20));

    const answer = await control.send('POST /v1/plan', bomb, { headers: { 'content-encoding': 'gzip' } });

    expect(bomb.length).toBeLessThan(200_000);
    expect([answer.status, answer.body.error.message]).toEqual([413, expect.stringContaining('64 MiB')]);
  });

  async function consumer(): Promise<{ id: string }> {
    return (await control.send('POST /v1/consumers/acme', { name: `consumer-${Math.random()}`.slice(0, 20) })).body as { id: string };
  }
});

describe('Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'key-1' };

  it('gives a repeated request the first answer, and does it once', async () => {
    const body = { external_id: 'once', name: 'Once' };
    const first = await control.send('POST /v1/consumers/acme', body, { headers });

    const second = await control.send('POST /v1/consumers/acme', body, { headers });

    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.text).toBe(first.text);
    expect((await control.send('GET /v1/consumers/acme?external_id=once')).body.total).toBe(1);
  });

  it('does not repeat an answer to a token of fewer rights', async () => {
    const options = { headers: { 'idempotency-key': 'key-rights' } };
    const body = { name: 'Rights' };
    await control.send('POST /v1/consumers/acme', body, { ...options, token: await control.tokenFor('tenant:acme') });

    const answer = await control.send('POST /v1/consumers/acme', body, {
      ...options,
      token: await control.tokenFor('tenant:acme role:viewer'),
    });

    expect([answer.status, answer.body.error?.code]).toEqual([403, 'forbidden']);
  });

  it('refuses the key for another request', async () => {
    const answer = await control.send('POST /v1/consumers/acme', { name: 'Another' }, { headers });

    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
  });

  it('keeps answers sealed', async () => {
    const rows = await control.cp.db.selectFrom('idempotency_keys').selectAll().execute();

    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain('external_id');
  });

  it('lets one of many equal requests at the same time through', async () => {
    const send = () =>
      control.send('POST /v1/consumers/acme', { external_id: 'race', name: 'Race' }, { headers: { 'idempotency-key': 'race' } });

    const statuses = (await Promise.all([send(), send(), send(), send()])).map(({ status }) => status);

    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    expect((await control.send('GET /v1/consumers/acme?external_id=race')).body.total).toBe(1);
  });
});

describe('health', () => {
  it.each(['GET', 'HEAD'])('answers %s without a token', async (method) => {
    const answer = await control.send(`${method} /health`, undefined, { token: null });

    expect(answer.status).toBe(200);
  });

  it('says UP, as Keycloak does (document A, day 1)', async () => {
    const answer = await control.send('GET /health/ready', undefined, { token: null });

    expect([answer.status, answer.text]).toEqual([200, '{"status":"UP"}']);
  });
});
