import { afterEach, describe, expect, it } from 'vitest';
import { startEchoUpstream, type Echo, type EchoUpstream } from './echo-upstream.js';

const opened: EchoUpstream[] = [];
const start = async (): Promise<EchoUpstream> => {
  const upstream = await startEchoUpstream(0);
  opened.push(upstream);
  return upstream;
};

afterEach(async () => {
  for (const upstream of opened.splice(0)) await upstream.close();
});

describe('the echo upstream', () => {
  it('answers method, path, query, headers and body (CL11)', async () => {
    const { url } = await start();

    const response = await fetch(`${url}/orders/7?full=1&x=?`, { method: 'POST', headers: { 'x-trace': 'abc' }, body: 'häl' });
    const echo = (await response.json()) as Echo;

    expect(response.status).toBe(200);
    expect(echo).toMatchObject({ method: 'POST', path: '/orders/7', query: 'full=1&x=?', body: 'häl', body_bytes: 4 });
    expect(echo.headers['x-trace']).toBe('abc');
  });

  it('never repeats a credential', async () => {
    const { url } = await start();
    const headers = { authorization: 'Bearer canary-1', 'x-api-key': 'canary-2', cookie: 'a=canary-3' };

    const text = await (await fetch(url, { headers })).text();

    expect(text).not.toContain('canary');
    expect(text).toContain('"x-api-key":"[redacted]"');
  });

  it.each([
    ['/status/503', 503],
    ['/v1/status/404', 404],
    ['/status/204', 204],
    ['/status/304', 304],
    ['/status/999', 200],
    ['/status/100', 200],
  ])('answers %s with %i', async (path, status) => {
    const { url } = await start();

    expect((await fetch(url + path)).status).toBe(status);
  });

  it('waits as long as the path says', async () => {
    const { url } = await start();
    const before = performance.now();

    await fetch(`${url}/delay/150`);

    expect(performance.now() - before).toBeGreaterThanOrEqual(145);
  });

  it('keeps the first 64 KiB of a long body and counts the rest', async () => {
    const { url } = await start();

    const echo = (await (await fetch(url, { method: 'PUT', body: 'é'.repeat(50_000) })).json()) as Echo;

    expect(echo.body_bytes).toBe(100_000);
    expect(echo.body).toHaveLength(32_768);
  });

  it('answers null for a body that is not text', async () => {
    const { url } = await start();

    const echo = (await (await fetch(url, { method: 'POST', body: Buffer.from([0xff, 0xfe, 0x00]) })).json()) as Echo;

    expect(echo).toMatchObject({ body: null, body_bytes: 3 });
  });

  it('names a taken port', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);

    await expect(startEchoUpstream(port)).rejects.toThrow(`Port ${port} for the echo upstream is already in use.`);
  });
});
