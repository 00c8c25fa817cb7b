/** How a delivery is signed: our own two headers (row WH6), and those of Standard Webhooks beside them. Pure. */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** Headers for the exact bytes of a body. Without a secret there are no signatures. */
export function signatureHeaders(secret: string | undefined, eventId: string, body: string, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const named = { 'webhook-id': eventId, 'webhook-timestamp': timestamp, 'idempotency-key': eventId };
  if (secret === undefined) return named;
  const hex = (text: string): string => createHmac('sha256', secret).update(text).digest('hex');
  const standard = createHmac('sha256', standardKey(secret)).update(`${eventId}.${timestamp}.${body}`).digest('base64');
  return {
    ...named,
    'x-stoa-signature': `t=${timestamp},v1=${hex(`${timestamp}.${body}`)}`,
    'x-webhook-signature': `sha256=${hex(body)}`,
    'webhook-signature': `v1,${standard}`,
  };
}

/** Standard Webhooks: what follows `whsec_` is base64; any other secret is taken as it is. */
const standardKey = (secret: string): Buffer =>
  secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret);
