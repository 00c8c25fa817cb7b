/** A line of a gateway's log as a request that can be replayed. Pure. */
import type { RecordedRequest } from '../../../schema/impact.js';
import type { LogLine } from '../logs/line.js';

/** Undefined for lines about anything else; `unknown` for one of a gateway that did not yet record with which key a consumer called. */
export function recordOf({ fields = {}, at }: LogLine): RecordedRequest | 'unknown' | undefined {
  const { event, method, path, status, latency_ms: latency } = fields;
  if (event !== 'request completed' || at === undefined) return undefined;
  if (typeof method !== 'string' || typeof path !== 'string' || path === '' || typeof status !== 'number') return undefined;
  const key = textOf(fields['key']);
  if (key === undefined && fields['consumer'] !== undefined) return 'unknown';
  return {
    at: at - (typeof latency === 'number' ? latency : 0),
    method,
    path,
    status,
    reason: textOf(fields['reason']),
    api: textOf(fields['api']),
    key,
    consumer: textOf(fields['consumer']),
    client_ip: textOf(fields['client_ip']) ?? '',
  };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
