/** JSON-RPC 2.0 as MCP uses it. */
import { isMapping, type Mapping } from '../../../schema/operations.js';

export const RPC_ERRORS = {
  parse: -32_700,
  invalidRequest: -32_600,
  unknownMethod: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** Of the range that servers may use: the same request may do later. */
  busy: -32_000,
} as const;

export type RpcId = string | number;

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: Mapping }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Mapping }
  /** An answer to a request that the gateway never made. */
  | { readonly kind: 'response' };

/** A request is answered with this error. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** What a value is as a message; undefined when it is none. */
export function readMessage(value: unknown): RpcMessage | undefined {
  if (!isMapping(value) || value['jsonrpc'] !== '2.0') return undefined;
  const { id, method, params = {} } = value;
  if (method === undefined) return 'result' in value || 'error' in value ? { kind: 'response' } : undefined;
  if (typeof method !== 'string' || !isMapping(params)) return undefined;
  if (id === undefined) return { kind: 'notification', method, params };
  return typeof id === 'string' || (typeof id === 'number' && Number.isFinite(id)) ? { kind: 'request', id, method, params } : undefined;
}

export const rpcResult = (id: RpcId, result: unknown): Mapping => ({ jsonrpc: '2.0', id, result });

export const rpcError = (id: RpcId | null, { code, message, data }: RpcError): Mapping => ({
  jsonrpc: '2.0',
  id,
  error: { code, message, ...(data === undefined ? {} : { data }) },
});
