import { describe, expect, it } from 'vitest';
import { KEY, makeRoute, startUpstream } from '../../../test/helpers/data-plane.js';
import { PAYMENTS, rpc, startMcp, toolSource } from '../../../test/helpers/mcp.js';

const VERSION = '2026-07-28';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

async function start() {
  const upstream = await startUpstream((_req, res) => res.setHeader('content-type', 'application/json').end('{"ok":true}'));
  const gateway = await startMcp({ routes: [makeRoute({ upstreamUrl: upstream.url, tools: toolSource({ openapi: PAYMENTS }) })] });
  const ask = async (method: string, params: object = {}, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await gateway.send(
      'POST',
      { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...headers },
      rpc(method, { _meta: META, ...params }),
    );
    return { status: answer.status, body: await answer.json() };
  };
  return { gateway, ask };
}

describe('revision 2026-07-28, which has no sessions', () => {
  it('is spoken with a client that asks for it, from discovery to calls (DP24)', async () => {
    const { gateway } = await start();
    const client = await gateway.client(KEY, { versionNegotiation: { mode: { pin: VERSION } } });

    const { tools } = await client.listTools();
    const result = await client.callTool({ name: 'payments_getPayment', arguments: { id: '1' } });

    expect([tools.length, result.structuredContent]).toEqual([4, { ok: true }]);
    expect(gateway.endpoint.stats().tracked_sessions).toBe(0);
  });

  it('is found by a client that asks which revisions there are (DP24)', async () => {
    const { gateway, ask } = await start();
    const client = await gateway.client(KEY, { versionNegotiation: { mode: 'auto' } });

    const discovered = await ask('server/discover');
    const { tools } = await client.listTools();

    expect(discovered).toMatchObject({
      status: 200,
      body: { result: { supportedVersions: [VERSION, '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'], resultType: 'complete' } },
    });
    expect(tools).toHaveLength(4);
  });

  it.each([
    [
      'a header that names another tool',
      'tools/call',
      { name: 'payments_getPayment', arguments: { id: '1' } },
      { 'mcp-name': 'payments_cancelPayment' },
      400,
      -32_020,
    ],
    ['a header that names another method', 'tools/list', {}, { 'mcp-method': 'tools/call' }, 400, -32_020],
    ['no word of its revision', 'tools/list', { _meta: {} }, {}, 400, -32_602],
    ['another revision in its header', 'tools/list', {}, { 'mcp-protocol-version': '2025-11-25' }, 400, -32_020],
    ['a handshake', 'initialize', {}, {}, 404, -32_601],
    ['an unknown tool', 'tools/call', { name: 'nothing' }, { 'mcp-name': 'nothing' }, 200, -32_602],
  ])('refuses a request with %s as its makers do', async (_what, method, params, headers, status, code) => {
    const { ask } = await start();

    expect(await ask(method, params, headers)).toMatchObject({ status, body: { error: { code } } });
  });

  it('tells a client of a later one which revisions it speaks', async () => {
    const { ask } = await start();

    const answer = await ask(
      'server/discover',
      { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } },
      { 'mcp-protocol-version': '2099-01-01' },
    );

    expect(answer).toMatchObject({ status: 400, body: { error: { code: -32_022, data: { requested: '2099-01-01' } } } });
  });
});
