import * as z from 'zod';
import { definePolicy } from './contract.js';
import { byHeader, foldedName, headerName, headerValue, settableHeader } from './header.js';

const headers = z
  .strictObject({
    remove: z.array(headerName).max(100).default([]).describe('Headers that are taken away. First of the three.'),
    rename: byHeader(headerName, settableHeader).default({}).describe('Old name: new name. What had the new name before is replaced.'),
    set: byHeader(settableHeader, headerValue).default({}).describe('Name: value. What was there before is replaced. Last of the three.'),
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
      .describe('On the way to the client; also the gateway’s own errors, such as 401 and 429.'),
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
      ...(response === undefined ? {} : { seesRefusals: true, response: (_exchange, head) => editResponse(head.headers) }),
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
  const gone = new Set([...rules.remove, ...Object.keys(rules.set)].map(foldedName));
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
      if (!gone.has(foldedName(to ?? field)) && !gone.has(foldedName(key)) && !isReplaced) kept.push(to ?? field, content);
    }
    for (const [field, content] of set) kept.push(field, content);
    list.splice(0, list.length, ...kept);
  };
}
