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
  STOA_CONNECTION_CLOSED: 'connection closed',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  ETIMEDOUT: 'connection timed out',
  STOA_CONNECT_TIMEOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  STOA_ANSWER_HEAD_TOO_LARGE: 'answer head too large',
  STOA_ANSWER_CUT_SHORT: 'answer cut short',
  STOA_INVALID_ANSWER: 'invalid answer',
  STOA_ADDRESS: 'address not allowed',
};

/** A failure in a few words for the log; the code when it has no words of its own. */
export function failureReason(error: Error): string {
  if (error instanceof Ended) return error.message;
  const code = codeOf(error);
  return REASONS[code] ?? (code === '' ? error.message : code);
}

const OURS: ReadonlySet<string> = new Set(['STOA_INVALID_REQUEST', 'STOA_HANDLER_FAILED']);
const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** Whether the gateway itself is at fault: the upstream is not to blame for it. */
export const isOurs = (error: Error): boolean => OURS.has(codeOf(error));

/** Errors before any answer that another try cannot mend. */
export function isFinal(error: Error): boolean {
  const code = codeOf(error);
  return code === 'STOA_ADDRESS' || code.startsWith('ERR_TLS') || code.startsWith('CERT_') || code.endsWith('_CERT');
}

/** Writes the line `backend_error` of document A with the status that it is answered with, and counts it. */
export function reportFailure(exchange: Exchange, error: Error, status: number): void {
  const { gateway, route, path, requestId } = exchange;
  if (route === undefined) return;
  const { tenant, label: api } = route;
  const reason = failureReason(error);
  exchange.failure = reason;
  gateway.log.event('error', 'backend_error', { path, status, error: reason, tenant, api, request_id: requestId });
  const { consumerName: consumer, subscriptionId: subscription } = exchange.credential ?? {};
  gateway.events.record({ type: 'backend_error', route, consumer, subscription, path, status, reason, requestId });
}
