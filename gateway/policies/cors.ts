import * as z from 'zod';
import { HTTP_METHODS } from '../../schema/kinds/api.js';
import { definePolicy, type Exchange, type Reply, type ReplyHead } from './contract.js';

const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'A method or header name has no spaces or separators.');

/** `*`, or scheme and host with an optional port, as a browser writes it; the host may begin with `*.`. */
const ORIGIN = /^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)$/;
const origin = z.string().max(300).regex(ORIGIN, 'An origin is "*", https://app.example.com or https://*.example.com, without a path.');

const config = z
  .strictObject({
    origins: z.array(origin).min(1).describe('Origins that may call: exact, https://*.example.com, or "*".'),
    methods: z
      .array(token)
      .min(1)
      .default(['GET', 'HEAD', 'POST'])
      .describe('Methods that a browser may use; what the API has no method for stays refused.'),
    headers: z.array(token).default([]).describe('Request headers that a browser may send.'),
    expose_headers: z.array(token).default([]).describe('Response headers that scripts may read.'),
    max_age: z.int().min(0).max(86_400).default(600).describe('Seconds for which a browser may remember the answer.'),
    allow_credentials: z.boolean().default(false).describe('Whether cookies and client certificates may be sent.'),
  })
  .refine(({ origins, allow_credentials }) => !(allow_credentials && origins.includes('*')), {
    message: 'allow_credentials cannot go with the origin "*": name the origins.',
    path: ['allow_credentials'],
  });

/** Fields of the gateway itself that a script needs in order to behave well. */
const EXPOSED = [
  ...['X-Request-Id', 'X-Stoa-Request-Id', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
  ...['RateLimit', 'RateLimit-Policy', 'Retry-After'],
];

/** Methods are told apart by case, and browsers ask for those of HTTP in capitals; others are as they are written. */
const spelled = (method: string): string => HTTP_METHODS.find((known) => known === method.toUpperCase()) ?? method;

/** Answers preflights before authentication and puts CORS headers on every answer, the gateway's own errors included. */
export const cors = definePolicy({
  type: 'cors',
  stage: 'preflight',
  exclusive: true,
  summary: 'Lets browsers of the named origins call the API.',
  unrecorded: {
    what: 'the fields of a preflight',
    concerns: (method) => method === 'OPTIONS',
    hasAnswered: ({ method, status }) => method === 'OPTIONS' && status === 204,
  },
  config,
  example: { origins: ['https://app.example.com'], methods: ['GET', 'POST'], headers: ['Content-Type', 'X-API-Key'], max_age: 3600 },
  compile({ origins, methods, headers, expose_headers, max_age, allow_credentials }) {
    const allows = originMatcher(origins);
    const credentials = allow_credentials ? ['Access-Control-Allow-Credentials', 'true'] : [];
    const onAnswer = ['Access-Control-Expose-Headers', [...new Set([...EXPOSED, ...expose_headers])].join(', '), ...credentials];
    const onPreflight = [
      'Access-Control-Allow-Methods',
      methods.map(spelled).join(', '),
      'Access-Control-Max-Age',
      String(max_age),
      ...credentials,
    ];
    if (headers.length > 0) onPreflight.push('Access-Control-Allow-Headers', headers.join(', '));
    return {
      // Also a foreign origin's preflight ends here: it learns nothing, and the upstream never sees the question.
      request: (exchange) => (isPreflight(exchange) ? NO_CONTENT : undefined),
      response(exchange, head) {
        removeCorsHeaders(head);
        addVary(head);
        const caller = exchange.header('origin');
        if (caller === undefined || !allows(caller)) return;
        head.headers.push('Access-Control-Allow-Origin', caller, ...(isPreflight(exchange) ? onPreflight : onAnswer));
      },
    };
  },
});

const NO_CONTENT: Reply = { status: 204, headers: [], body: '' };

const isPreflight = (exchange: Exchange): boolean =>
  exchange.method === 'OPTIONS' &&
  exchange.header('origin') !== undefined &&
  exchange.header('access-control-request-method') !== undefined;

function originMatcher(origins: readonly string[]): (origin: string) => boolean {
  const exact = new Set(origins.map((entry) => entry.toLowerCase()));
  if (exact.has('*')) return (candidate) => candidate === 'null' || ORIGIN.test(candidate);
  const patterns = [...exact].flatMap((entry) => {
    const star = entry.indexOf('*.');
    return star === -1 ? [] : [{ start: entry.slice(0, star), end: entry.slice(star + 1) }];
  });
  return (candidate) => exact.has(candidate) || patterns.some(({ start, end }) => isBelow(candidate, start, end));
}

/** Whether `candidate` is `start`, one or more host labels, `end`: a whole label, so that evil-example.com is not below example.com. */
function isBelow(candidate: string, start: string, end: string): boolean {
  if (!candidate.startsWith(start) || !candidate.endsWith(end) || candidate.length <= start.length + end.length) return false;
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i.test(candidate.slice(start.length, -end.length));
}

/** What the upstream says about other origins would contradict the policy. */
function removeCorsHeaders({ headers }: ReplyHead): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (/^access-control-/i.test(headers[index] ?? '')) headers.splice(index, 2);
  }
}

function addVary({ headers }: ReplyHead): void {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== 'vary') continue;
    const names = (headers[index + 1] ?? '').split(',').map((name) => name.trim().toLowerCase());
    if (names.includes('*') || names.includes('origin')) return;
  }
  headers.push('Vary', 'Origin');
}
