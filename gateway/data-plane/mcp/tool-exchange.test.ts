import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { eventually, makeRoute, makeUpstream, startUpstream, type RouteDraft } from '../../../test/helpers/data-plane.js';
import { startTcp } from '../../../test/helpers/raw-tcp.js';
import { PAYMENTS, rpc, startMcp, toolSource, type McpGateway } from '../../../test/helpers/mcp.js';
import { createBreaker, DEFAULT_BREAKER } from '../breaker.js';
import { cache } from '../../policies/cache.js';
import { hooksOf } from '../../../test/helpers/policy-gateway.js';

interface Result {
  readonly isError: boolean;
  readonly content: readonly { readonly type: string; readonly text: string; readonly mimeType?: string; readonly data?: string }[];
  readonly structuredContent?: unknown;
  readonly _meta: Readonly<Record<string, unknown>>;
}

const TOOLS = toolSource({ openapi: PAYMENTS });
const start = (upstreamUrl: string, draft: Partial<RouteDraft> = {}): Promise<McpGateway> =>
  startMcp({ routes: [makeRoute({ upstreamUrl, tools: TOOLS, ...draft })] });

async function call(gateway: McpGateway, name = 'payments_getPayment', given: object = { id: '1' }): Promise<Result> {
  const answer = await gateway.send('POST', {}, rpc('tools/call', { name, arguments: given }));
  return ((await answer.json()) as { result: Result }).result;
}

const textOf = ({ content }: Result): string => content[0]?.text ?? '';

describe('an answer of the upstream', () => {
  it.each([
    ['JSON that is a list', 'application/json', '[1]', [{ type: 'text', text: '[1]' }]],
    ['JSON that is broken', 'application/json', '{', [{ type: 'text', text: '{' }]],
    ['a picture', 'image/png', 'PNG', [{ type: 'image', data: 'UE5H', mimeType: 'image/png' }]],
    ['a sound', 'audio/wav', 'WAV', [{ type: 'audio', data: 'V0FW', mimeType: 'audio/wav' }]],
    [
      'bytes',
      'application/pdf',
      'PDF',
      [{ type: 'resource', resource: { uri: 'stoa:/payments/1', mimeType: 'application/pdf', blob: 'UERG' } }],
    ],
    ['no body', 'text/plain', '', [{ type: 'text', text: 'HTTP 200 OK.' }]],
  ])('that is %s becomes content that models read', async (_what, type, body, content) => {
    const upstream = await startUpstream((_req, res) => res.setHeader('content-type', type).end(body));

    const result = await call(await start(upstream.url));

    expect(result).toMatchObject({ isError: false, content, _meta: { 'gostoa.dev/status': 200 } });
    expect(result).not.toHaveProperty('structuredContent');
  });

  it.each([
    ['gzip', gzipSync('{"a":1}'), { a: 1 }],
    ['br', brotliCompressSync('{"a":1}'), { a: 1 }],
    ['identity', Buffer.from('{"a":1}'), { a: 1 }],
  ])('that is encoded with %s, which nobody asked for, is read', async (encoding, body, structuredContent) => {
    const upstream = await startUpstream((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(body),
    );

    expect(await call(await start(upstream.url))).toMatchObject({ isError: false, structuredContent });
  });

  it.each([
    ['zstd', Buffer.from('{"a":1}')],
    ['gzip', Buffer.from('{"a":1}')],
    ['gzip', gzipSync(Buffer.alloc(2 * 1024 * 1024))],
  ])('that is encoded with %s and cannot be read is told by its length', async (encoding, body) => {
    const upstream = await startUpstream((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(body),
    );

    const result = await call(await start(upstream.url));

    expect([result.isError, textOf(result)]).toEqual([
      true,
      `HTTP 200 OK: ${body.length} bytes in the encoding ${encoding}, which cannot be read.`,
    ]);
  });

  it('is read in the character set that it says', async () => {
    const upstream = await startUpstream((_req, res) =>
      res.writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' }).end(Buffer.from('caf\xe9', 'latin1')),
    );

    expect(textOf(await call(await start(upstream.url)))).toBe('café');
  });

  it('that is an error is one for the model too, with what the upstream says of it', async () => {
    const upstream = await startUpstream((_req, res) =>
      res.writeHead(422, { 'content-type': 'application/problem+json' }).end('{"detail":"too small"}'),
    );

    const result = await call(await start(upstream.url));

    expect([result.isError, textOf(result)]).toEqual([true, 'HTTP 422 Unprocessable Entity.\n{"detail":"too small"}']);
  });

  it('that has more than a megabyte is refused, and read no further', async () => {
    let isGone = false;
    const upstream = await startUpstream((_req, res) => {
      res.on('close', () => (isGone = true));
      const more = (): void => {
        while (!res.destroyed && res.write('x'.repeat(64 * 1024)));
        if (!res.destroyed) res.once('drain', more);
      };
      more();
    });

    const result = await call(await start(upstream.url));

    expect([result.isError, textOf(result)]).toEqual([true, expect.stringContaining('more than 1048576 bytes')]);
    await eventually(() => isGone).toBe(true);
  });
});

describe('an upstream that fails', () => {
  it('is tried again where that does no harm, and not where it may', async () => {
    let requests = 0;
    const tcp = await startTcp((socket) => {
      socket.on('data', () => {
        requests += 1;
        if (requests === 2) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.destroy();
      });
    });
    const gateway = await start(tcp.url);

    const read = await call(gateway);
    const written = await call(gateway, 'payments_createPayment', { body: { amount: 1 } });

    expect([textOf(read), requests]).toEqual(['ok', 3]);
    expect(textOf(written)).toMatch(/^HTTP 502 Bad Gateway\.\n.*bad_gateway/);
  });

  it('is reported and counted by its breaker, which holds further calls back (DP24)', async () => {
    const upstream = makeUpstream('http://127.0.0.1:1', {
      retries: 0,
      breaker: createBreaker('x', { ...DEFAULT_BREAKER, failureThreshold: 2 }),
    });
    const gateway = await start('http://127.0.0.1:1', { upstream });

    const results = [await call(gateway), await call(gateway), await call(gateway)];

    expect(results.map((result) => result._meta['gostoa.dev/status'])).toEqual([502, 502, 503]);
    expect(textOf(results[2] as Result)).toMatch(/circuit_open/);
    expect(gateway.events.filter(({ type }) => type === 'backend_error')).toHaveLength(2);
  });

  it.each([
    ['says nothing', ''],
    ['does not come to an end', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'],
  ])('and %s is given up in time', async (_what, answer) => {
    const tcp = await startTcp((socket) => socket.on('data', () => socket.write(answer)));

    const result = await call(await start(tcp.url, { upstream: { timeoutMs: 200, retries: 0 } }));

    expect(result._meta['gostoa.dev/status']).toBe(504);
  });

  it.each([
    ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 502],
    ['frames its answer twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502],
    ['upgrades unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 502],
  ])('and %s gives no answer', async (_what, answer, status) => {
    const tcp = await startTcp((socket) => socket.once('data', () => socket.end(answer)));

    const result = await call(await start(tcp.url, { upstream: { retries: 0 } }));

    expect(result._meta['gostoa.dev/status']).toBe(status);
  });
});

describe('answers to tools that read', () => {
  const counting = async () => {
    let asked = 0;
    const upstream = await startUpstream((req, res) => {
      asked += 1;
      res
        .writeHead(200, { 'content-type': 'application/json', ...(req.url === '/payments/live' ? { 'cache-control': 'no-store' } : {}) })
        .end(`{"at":${asked}}`);
    });
    return { url: upstream.url, asked: () => asked };
  };

  it('are kept when the API says so, for the caller alone, and cleared with the cache (DP25, AD16)', async () => {
    const { url, asked } = await counting();
    const gateway = await start(url, { tools: toolSource({ openapi: PAYMENTS, mcp: { cache_ttl_secs: 60 } }) });

    await call(gateway);
    const kept = await call(gateway);
    const plain = await fetch(`${gateway.url}/payments/1`, { headers: { 'x-api-key': gateway.key } });
    gateway.answers.clear();
    const after = await call(gateway);

    expect([kept, after].map((result) => result.structuredContent)).toEqual([{ at: 1 }, { at: 3 }]);
    expect([await plain.json(), plain.headers.get('cache-status')]).toEqual([{ at: 2 }, null]);
    expect(asked()).toBe(3);
  });

  it('are not kept when nobody says so, or the upstream says no, and never those of tools that write (DP25)', async () => {
    const { url, asked } = await counting();
    const plain = await start(url);
    const keeping = await start(url, { tools: toolSource({ openapi: PAYMENTS, mcp: { cache_ttl_secs: 60 } }) });

    for (const [gateway, name, given] of [
      [plain, 'payments_getPayment', { id: '1' }],
      [keeping, 'payments_getPayment', { id: 'live' }],
      [keeping, 'payments_createPayment', { body: { amount: 1 } }],
    ] as const) {
      await call(gateway, name, given);
      await call(gateway, name, given);
    }

    expect(asked()).toBe(6);
  });

  it('follow the cache policy of the API where it has one (DP25)', async () => {
    const { url, asked } = await counting();
    const gateway = await start(url, { hooks: [hooksOf(cache, { ttl_secs: 60 })] });

    const plain = await fetch(`${gateway.url}/payments/1`, {
      headers: { 'x-api-key': gateway.key, accept: 'application/json, */*;q=0.5' },
    });
    const called = await call(gateway);

    expect([await plain.json(), called.structuredContent, asked()]).toEqual([{ at: 1 }, { at: 1 }, 1]);
  });
});

describe('a client that leaves', () => {
  it('ends its call at the upstream', async () => {
    let isGone = false;
    let isCalled = false;
    const upstream = await startUpstream((req) => {
      isCalled = true;
      req.on('close', () => (isGone = true));
    });
    const gateway = await start(upstream.url);
    const leaving = new AbortController();

    const sent = fetch(gateway.address, {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'content-type': 'application/json', 'x-api-key': gateway.key },
      body: JSON.stringify(rpc('tools/call', { name: 'payments_getPayment', arguments: { id: '1' } })),
    }).catch(() => 'left');
    await eventually(() => isCalled).toBe(true);
    leaving.abort();

    expect(await sent).toBe('left');
    await eventually(() => isGone).toBe(true);
  });
});
