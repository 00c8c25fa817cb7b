/** What can go wrong between the gateway and an upstream, in words, and what the log and the events are told of it. */
import type { ErrorCode } from '../../schema/error.js';
import type { Exchange } from './exchange.js';

/** Why the gateway itself ended a dispatch. */
export class Ended extends Error {
  readonly errorCode: ErrorCode;
  constructor(errorCode: ErrorCode, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  UND_ERR_HEADERS_OVERFLOW: 'answer head too large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'answer cut short',
  STOA_ADDRESS: 'address not allowed',
};

/** A failure in a few words for the log; the code when it has no words of its own. */
export function failureReason(error: Error): string {
  if (error instanceof Ended) return error.message;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('HPE_')) return 'invalid answer';
  return REASONS[code] ?? (code === '' ? error.message : code);
}

/** A request that undici does not even write: what is wrong with it is not the upstream's fault. */
export const isOurs = (error: Error): boolean => 'code' in error && error.code === 'UND_ERR_INVALID_ARG';

/** Errors that another try cannot mend. */
export function isFinal(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    isOurs(error) ||
    code === 'STOA_ADDRESS' ||
    code.startsWith('HPE_') ||
    code.startsWith('ERR_TLS') ||
    code.startsWith('CERT_') ||
    code.endsWith('_CERT')
  );
}

/** Writes the line `backend_error` of document A, and counts it. */
export function reportFailure(exchange: Exchange, error: Error, status: number): void {
  const { gateway, route, path, requestId } = exchange;
  if (route === undefined) return;
  const { tenant, api } = route;
  const reason = failureReason(error);
  gateway.log.event('error', 'backend_error', { path, status, error: reason, tenant, api, request_id: requestId });
  gateway.events.record({ type: 'backend_error', route, consumer: exchange.credential?.consumerLabel, path, status, reason });
}
