/** Headers that manifests may name: which names, which values, and how they stand in a config. */
import * as z from 'zod';

/** Fields of the message's framing and of single connections (RFC 9110, 7.6.1), and those that the gateway sets. */
const RESERVED = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...[
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'via',
    'x-api-key',
    'x-request-id',
    'x-stoa-request-id',
    'traceparent',
    'tracestate',
  ],
  ...['x-consumer-id', 'x-subscription-id', 'x-tenant-id', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'],
  ...['ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after'],
]);
/** Their values are secrets, which no manifest holds. */
const CREDENTIALS = new Set(['authorization', 'cookie', 'set-cookie', 'www-authenticate']);

/** A header that may be taken away. */
export const headerName = z
  .string()
  .max(200)
  .regex(/^[!#$%&'*+.^`|~0-9A-Za-z-]+$/, 'A header name has letters, digits and hyphens, and no underscore.')
  .refine(
    (text) => !RESERVED.has(text.toLowerCase()) && !/^access-control-/i.test(text),
    'This header is the gateway’s own: it cannot be changed.',
  );

/** A header that may be given a value. */
export const settableHeader = headerName.refine(
  (text) => !CREDENTIALS.has(text.toLowerCase()),
  'This header carries credentials: it can be removed, not set.',
);

/** What the value of a header looks like, beside its length of at most 4096 characters. */
const VALUE = /^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/;
export const MAX_HEADER_VALUE = 4096;

export const headerValue = z.string().max(MAX_HEADER_VALUE).regex(VALUE, 'A header value is printable ASCII, without spaces at its ends.');

/** A mapping whose keys are names, each once whatever its case. */
export function byHeader<Value extends z.ZodType>(key: z.ZodType<string>, values: Value) {
  return z.record(z.string(), values).superRefine((record, context) => {
    const seen = new Set<string>();
    for (const text of Object.keys(record)) {
      const message = seen.has(text.toLowerCase()) ? 'This header is named twice.' : key.safeParse(text).error?.issues[0]?.message;
      // Found at the mapping, not at the name: the value beside it may be a secret, which no message shows.
      if (message !== undefined) context.addIssue({ code: 'custom', message: `Header "${text.slice(0, 200)}": ${message}` });
      seen.add(text.toLowerCase());
    }
  });
}

/** A name as the most careless server reads it: `X.User`, `X~User` and `X-User` are one variable to a CGI program. */
export const foldedName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

/** Takes headers, named by their folded names, out of a list of name, value, name, value. */
export function removeHeaders(list: string[], names: ReadonlySet<string>): void {
  for (let index = list.length - 2; index >= 0; index -= 2) if (names.has(foldedName(list[index] ?? ''))) list.splice(index, 2);
}
