/** A gateway that MCP clients find APIs at, and a client of other people's making. */
// The older transport is deprecated by its makers; clients that know no other one are still there.
/* eslint-disable @typescript-eslint/no-deprecated */
import { Client, SSEClientTransport, StreamableHTTPClientTransport, type ClientOptions } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import { McpEndpoint } from '../../gateway/data-plane/mcp/endpoint.js';
import type { SessionLimits } from '../../gateway/data-plane/mcp/sessions.js';
import type { OriginRules } from '../../gateway/data-plane/mcp/transport.js';
import type { ToolSource } from '../../gateway/data-plane/mcp/tool-source.js';
import type { Route } from '../../gateway/data-plane/snapshot.js';
import { api } from '../../schema/kinds/api.js';
import { KEY, makeSnapshot, startGateway, type GatewayDraft, type TestGateway } from './data-plane.js';

export const LIMITS: SessionLimits = { perKey: 3, ttlMs: 3_600_000, idleMs: 600_000 };

/** What a spec with these fields tells of its tools. */
export const toolSource = (fields: object): ToolSource =>
  api.spec.parse({ path: '/payments', upstream_url: 'https://a.example.com', ...fields }) as ToolSource;

/** Payments, as an OpenAPI document would have them. */
export const PAYMENTS = {
  openapi: '3.1.0',
  info: { title: 'Payments', version: '1' },
  paths: {
    '/payments': {
      get: {
        operationId: 'listPayments',
        summary: 'List payments',
        parameters: [
          { name: 'status', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
          { name: 'X-Region', in: 'header', schema: { type: 'string' } },
        ],
      },
      post: {
        operationId: 'createPayment',
        requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Payment' } } } },
      },
    },
    '/payments/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: { operationId: 'getPayment', summary: 'One payment' },
      delete: { operationId: 'cancelPayment' },
    },
  },
  components: {
    schemas: {
      Payment: {
        type: 'object',
        required: ['amount'],
        properties: { amount: { type: 'integer' }, parent: { $ref: '#/components/schemas/Payment' } },
      },
    },
  },
};

export interface McpDraft extends GatewayDraft {
  readonly limits?: Partial<SessionLimits> | 'sessionless';
  readonly origins?: Partial<OriginRules>;
}

export interface McpGateway extends TestGateway {
  readonly endpoint: McpEndpoint;
  readonly address: string;
  /** A key that opens the API. */
  readonly key: string;
  /** A client that has shaken hands; it is closed with the test. */
  client(key?: string, options?: ClientOptions): Promise<Client>;
  /** The same over the older transport. */
  sseClient(key?: string): Promise<Client>;
  /** A request of nobody's making. */
  send(method: string, headers?: Readonly<Record<string, string>>, body?: unknown, path?: string): Promise<Response>;
  /** Begins a session by hand: its id. */
  begin(key?: string): Promise<string>;
}

export async function startMcp(draft: McpDraft): Promise<McpGateway> {
  let routes: readonly Route[] = draft.routes;
  const endpoint = new McpEndpoint({
    limits: draft.limits === 'sessionless' ? undefined : { ...LIMITS, ...draft.limits },
    origins: { origins: [], allowLocal: false, ...draft.origins },
    version: '0.0.0',
    snapshot: () => makeSnapshot(routes),
    now: draft.now ?? Date.now,
  });
  const gateway = await startGateway({ ...draft, own: { mcp: endpoint } });
  onTestFinished(() => endpoint.stop());
  const address = `http://127.0.0.1:${gateway.port}/mcp`;
  const connect = async (transport: StreamableHTTPClientTransport | SSEClientTransport, options?: ClientOptions): Promise<Client> => {
    const client = new Client({ name: 'tests', version: '1' }, options);
    await client.connect(transport);
    onTestFinished(() => client.close());
    return client;
  };
  const send: McpGateway['send'] = (method, headers = {}, body?: unknown, path = '') =>
    fetch(address + path, {
      method,
      headers: { 'x-api-key': KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const requestInit = (key: string): RequestInit => ({ headers: { 'x-api-key': key } });
  return {
    ...gateway,
    swap(next) {
      routes = next;
      gateway.swap(next);
      endpoint.changed();
    },
    endpoint,
    address,
    key: KEY,
    client: (key = KEY, options) =>
      connect(new StreamableHTTPClientTransport(new URL(address), { requestInit: requestInit(key) }), options),
    sseClient: (key = KEY) => connect(new SSEClientTransport(new URL(`${address}/sse`), { requestInit: requestInit(key) })),
    send,
    async begin(key = KEY) {
      const answer = await send(
        'POST',
        { 'x-api-key': key },
        rpc('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'hand', version: '1' } }),
      );
      return answer.headers.get('mcp-session-id') ?? '';
    },
  };
}

/** A request of JSON-RPC. */
export const rpc = (method: string, params: object = {}, id: number | string = 1): object => ({ jsonrpc: '2.0', id, method, params });
