import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { StoaError } from '../schema/error.js';
import { replyError, send } from './http.js';

const servers: Server[] = [];
const options = { now: () => Date.now() };

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers the n-th request with the n-th status; the last one stays. */
async function answering(
  ...answers: readonly ((res: ServerResponse, req: IncomingMessage) => void)[]
): Promise<{ url: string; count: () => number }> {
  let count = 0;
  const url = await listen((req, res) => {
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    req.resume().on('end', () => answer?.(res, req));
  });
  return { url, count: () => count };
}

const status =
  (code: number, headers: Record<string, string> = {}, body = '{}') =>
  (res: ServerResponse): void =>
    void res.writeHead(code, headers).end(body);

const get = (url: string, timeoutMs = 10_000): Parameters<typeof send>[0] => ({ method: 'GET', url, headers: {}, timeoutMs });

const failure = async (work: Promise<unknown>): Promise<StoaError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => (error instanceof StoaError ? error : expect.fail(String(error))),
  );

describe('send', () => {
  it.each([429, 502, 503, 504])('tries again after %i', async (code) => {
    const { url, count } = await answering(status(code), status(200, {}, 'fine'));

    const reply = await send(get(url), options);

    expect([reply.status, reply.text, count()]).toEqual([200, 'fine', 2]);
  });

  it.each([400, 401, 403, 404, 409, 413, 500])('does not try again after %i', async (code) => {
    const { url, count } = await answering(status(code));

    const reply = await send(get(url), options);

    expect([reply.status, count()]).toEqual([code, 1]);
  });

  it('tries again after the server has cut the connection', async () => {
    const { url, count } = await answering((res) => res.destroy(), status(200));

    const reply = await send(get(url), options);

    expect([reply.status, count()]).toEqual([200, 2]);
  });

  it('gives up after four tries and returns the last answer', async () => {
    const { url, count } = await answering(status(503));

    const reply = await send(get(url), options);

    expect([reply.status, count()]).toEqual([503, 4]);
  });

  it('waits as long as Retry-After asks', async () => {
    const { url } = await answering(status(429, { 'retry-after': '1' }), status(200));
    const started = Date.now();

    await send(get(url), options);

    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
  });

  it('does not wait for a Retry-After beyond its deadline', async () => {
    const { url, count } = await answering(status(429, { 'retry-after': '3600' }));

    const reply = await send(get(url), options);

    expect([reply.status, count()]).toEqual([429, 1]);
  });

  it('says which server has not answered in time', async () => {
    const { url } = await answering(() => undefined);

    const error = await failure(send({ ...get(url, 100), onTimeout: 'Nothing is lost.' }, options));

    expect([error.code, error.message, error.hint]).toEqual(['network_error', `${url} did not answer within 0.1 s.`, 'Nothing is lost.']);
  });

  it('says where nothing listens, and what to do', async () => {
    const url = await listen(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));

    const error = await failure(send(get(`${url}/v1/plan`), options));

    expect(error.message).toBe(`${url} cannot be reached: nothing listens there.`);
    expect(error.hint).toContain('stoactl dev');
  });

  it('sends a large body compressed and a small one as it is', async () => {
    const bodies: { encoding: string | undefined; text: string }[] = [];
    const url = await listen((req, res) => {
      const chunks: Buffer[] = [];
      req
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const encoding = req.headers['content-encoding'];
          const bytes = Buffer.concat(chunks);
          bodies.push({ encoding, text: String(encoding === 'gzip' ? gunzipSync(bytes) : bytes) });
          res.end();
        });
    });
    const large = 'x'.repeat(100_000);

    await send({ ...get(url), method: 'POST', body: large }, options);
    await send({ ...get(url), method: 'POST', body: 'small' }, options);

    expect(bodies).toEqual([
      { encoding: 'gzip', text: large },
      { encoding: undefined, text: 'small' },
    ]);
  });

  it('ends with the reason of its signal when it is interrupted', async () => {
    const { url } = await answering(() => undefined);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new StoaError('interrupted')), 50);

    const error = await failure(send({ ...get(url), signal: controller.signal }, options));

    expect(error.code).toBe('interrupted');
  });
});

describe('replyError', () => {
  const reply = (code: number, text: string): Parameters<typeof replyError>[1] => ({
    status: code,
    text,
    headers: new Headers({ 'retry-after': '7' }),
  });

  it('keeps code, message, hint and details of the server', () => {
    const body = {
      error: { code: 'validation_error', message: 'Wrong.', hint: 'Mend it.', details: [{ field: 'spec.path', message: 'No.' }] },
    };

    const error = replyError('http://host/v1', reply(400, JSON.stringify(body)));

    expect([error.code, error.message, error.hint, error.diagnostics[0]?.path]).toEqual([
      'validation_error',
      'Wrong.',
      'Mend it.',
      'spec.path',
    ]);
  });

  it('knows the gateway, whose errors have the same form, and says where missing names are listed', () => {
    const body = (message: string): string => JSON.stringify({ error: { code: 'not_found', message } });
    const own = new Headers({ 'content-language': 'en' });

    const gateway = replyError('http://host/v1', reply(404, body('No API is published at this path.')));
    const tenant = replyError('http://host/v1', { ...reply(404, body('Tenant "acme" does not exist.')), headers: own });

    expect([gateway.code, gateway.message]).toEqual([
      'network_error',
      'http://host is no control plane: it answered 404, "No API is published at this path."',
    ]);
    expect([tenant.code, tenant.hint]).toEqual(['not_found', 'Run "stoactl get tenant" for those that there are.']);
  });

  it('says so when something else than the control plane has answered', () => {
    const error = replyError('http://host/v1', reply(502, '<html>Bad Gateway</html>'));

    expect([error.code, error.message]).toEqual(['bad_gateway', 'http://host answered 502 without an error of the control plane.']);
  });
});
