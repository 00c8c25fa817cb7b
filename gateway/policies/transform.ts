import { z } from 'zod';
import { definePolicy } from './contract.js';

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

const name = z
  .string()
  .max(200)
  .regex(/^[!#$%&'*+.^`|~0-9A-Za-z-]+$/, 'A header name has letters, digits and hyphens, and no underscore.')
  .refine(
    (text) => !RESERVED.has(text.toLowerCase()) && !/^access-control-/i.test(text),
    'This header is the gateway’s own: it cannot be transformed.',
  );
const settable = name.refine(
  (text) => !CREDENTIALS.has(text.toLowerCase()),
  'This header carries credentials: it can be removed, not set.',
);
const value = z
  .string()
  .max(4096)
  .regex(/^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/, 'A header value is printable ASCII, without spaces at its ends.');

/** A mapping whose keys are names, each once whatever its case. */
function named<Value extends z.ZodType>(key: z.ZodType<string>, values: Value) {
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

const headers = z
  .strictObject({
    remove: z.array(name).max(100).default([]).describe('Headers that are taken away. First of the three.'),
    rename: named(name, settable).default({}).describe('Old name: new name. What had the new name before is replaced.'),
    set: named(settable, value).default({}).describe('Name: value. What was there before is replaced. Last of the three.'),
  })
  .describe('What happens to the headers.');

/** Segments as the gateway accepts them in a request: nothing that a server could read in another way. */
const segments = z
  .string()
  .max(1000)
  .regex(/^(\/[A-Za-z0-9._~-]+)+$/, 'A prefix is made of segments such as /internal/v2, without a slash at its end.')
  .refine((text) => !/\/\.{1,2}(\/|$)/.test(text), 'A prefix has no dot segments.');

const config = z
  .strictObject({
    request: z
      .strictObject({
        headers: headers.optional(),
        path: z
          .strictObject({
            strip_prefix: segments.optional().describe('Cut off at the beginning of the path, where it is there, by whole segments.'),
            add_prefix: segments.optional().describe('Put before the path, after something was cut off.'),
          })
          .optional()
          .describe('What happens to the path behind the address of the API. The query stays as it is.'),
      })
      .optional()
      .describe('On the way to the upstream.'),
    response: z
      .strictObject({ headers: headers.optional() })
      .optional()
      .describe('On the way to the client; also the gateway’s own errors.'),
  })
  .refine(({ request, response }) => request !== undefined || response !== undefined, { message: 'Give request, response, or both.' });

type HeaderRules = z.output<typeof headers>;
/** Edits a list of name, value, name, value in place. */
type Edit = (list: string[]) => void;

/** Changes heads, never bodies, and no header that anything else relies on. There are no patterns: none could be slow. */
export const transform = definePolicy({
  type: 'transform',
  stage: 'transform',
  exclusive: false,
  summary: 'Sets, removes and renames headers both ways, and changes the path on the upstream.',
  config,
  example: {
    request: { headers: { set: { 'X-Source': 'gateway' }, remove: ['X-Debug'] }, path: { strip_prefix: '/v1', add_prefix: '/internal' } },
    response: { headers: { remove: ['Server', 'X-Powered-By'] } },
  },
  compile({ request, response }) {
    const editRequest = editOf(request?.headers);
    const editResponse = editOf(response?.headers);
    const { strip_prefix: strip, add_prefix: add = '' } = request?.path ?? {};
    return {
      ...(request === undefined
        ? {}
        : {
            upstream(head) {
              head.path = add + withoutPrefix(head.path, strip);
              editRequest(head.headers);
            },
          }),
      ...(response === undefined ? {} : { response: (_exchange, head) => editResponse(head.headers) }),
    };
  },
});

/** Whole segments: /v1 is not the beginning of /v10. */
function withoutPrefix(path: string, prefix: string | undefined): string {
  if (prefix === undefined || !path.startsWith(prefix)) return path;
  const rest = path.slice(prefix.length);
  return rest === '' || rest.startsWith('/') ? rest : path;
}

function editOf(rules: HeaderRules | undefined): Edit {
  if (rules === undefined) return () => undefined;
  const lower = (names: readonly string[]): string[] => names.map((text) => text.toLowerCase());
  const renamed = new Map(Object.entries(rules.rename).map(([from, to]) => [from.toLowerCase(), to]));
  const set = Object.entries(rules.set);
  const gone = new Set(lower([...rules.remove, ...Object.keys(rules.set)]));
  const targets = new Set(lower([...renamed.values()]));
  return (list) => {
    const kept: string[] = [];
    const moves = new Set(
      list
        .filter((text, index) => index % 2 === 0 && renamed.has(text.toLowerCase()))
        .map((text) => renamed.get(text.toLowerCase())?.toLowerCase()),
    );
    for (let index = 0; index < list.length; index += 2) {
      const [field = '', content = ''] = [list[index], list[index + 1]];
      const key = field.toLowerCase();
      const to = renamed.get(key);
      const isReplaced = to === undefined && targets.has(key) && moves.has(key);
      if (!gone.has((to ?? field).toLowerCase()) && !gone.has(key) && !isReplaced) kept.push(to ?? field, content);
    }
    for (const [field, content] of set) kept.push(field, content);
    list.splice(0, list.length, ...kept);
  };
}
