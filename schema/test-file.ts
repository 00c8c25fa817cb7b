/** Test files of `stoactl test`: requests to the gateway, what is expected of it, and what happens in between. */
import * as z from 'zod';
import { parseDuration } from './duration.js';
import type { Diagnostic } from './error.js';
import { ipNumber } from './ip-range.js';
import { defineKind } from './kind.js';
import { parseOneDocument, type Place } from './one-document.js';

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const;
const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;

const duration = (longestMs: number, sentence: string) =>
  z.string().refine((text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms > 0 && ms <= longestMs;
  }, sentence);
const graceWindow = z.string().refine((text) => {
  const hours = (parseDuration(text) ?? 0) / HOUR_MS;
  return Number.isInteger(hours) && hours >= 1 && hours <= 168;
}, 'A grace window is whole hours, from 1h to 168h.');

const path = z
  .string()
  .max(8192)
  .regex(/^\/[!-~]*$/, 'A path begins with "/" and has no spaces; a query may follow.');
const subscription = z.string().regex(/^([a-z0-9-]+\/)?[a-z0-9-]+$/, 'A subscription is written as its name, or as tenant/name.');
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const status = z.int().min(200).max(599);
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'The name of a header has letters, digits and hyphens.');
const headers = z.record(headerName, scalar);
const wantedHeaders = z.record(headerName, scalar.nullable());

const request = z.strictObject({
  method: z.enum(METHODS).default('GET').describe('Method of the request.'),
  path: path.describe('Path at the gateway with its query, such as /apis/acme/payments/17.'),
  key: z
    .string()
    .min(1)
    .optional()
    .describe('Whose API key is sent: the name of a subscription, or that of a rotation. No key when absent.'),
  headers: headers.optional().describe('Further headers.'),
  body: z.unknown().optional().describe('A text is sent as it is; anything else as JSON.'),
  from: z
    .string()
    .refine((text) => ipNumber(text) !== undefined, 'A client is an IP address such as 203.0.113.9.')
    .optional()
    .describe('IP address that the request comes from; this machine when absent.'),
  repeat: z.int().min(1).max(10_000).default(1).describe('How often it is sent, one after the other. The expectations hold for each.'),
});

const received = z.strictObject({
  requests: z.int().min(0).optional().describe('How many requests of this step reached upstreams.'),
  method: z.enum(METHODS).optional().describe('Method of the last one.'),
  path: path.optional().describe('Its path and query.'),
  headers: wantedHeaders.optional().describe('Headers that it has; null for one that it must not have. Host is that of the manifest.'),
  body: z.unknown().optional().describe('As with the body of the answer.'),
});

const expectation = z.strictObject({
  status: status.optional().describe('Status of the answer.'),
  headers: wantedHeaders.optional().describe('Headers that the answer has; null for one that it must not have.'),
  body: z
    .unknown()
    .optional()
    .describe('A text is contained in the body. Of a mapping each field is in the JSON of the body; of a list each entry, in order.'),
  upstream: received.optional().describe('What the gateway has forwarded.'),
});

const rotation = z.strictObject({
  subscription: subscription.describe('Whose key.'),
  as: z.string().min(1).describe('Name of the new key in the steps that follow; the name of the subscription stays that of its first key.'),
  grace: graceWindow.default('24h').describe('How long the old key still works.'),
});

const script = z.strictObject({
  host: z.string().min(1).optional().describe('Host (and port) of the upstream as in the manifest; all upstreams when absent.'),
  status: status.default(200).describe('Status that it answers.'),
  headers: headers.optional().describe('Headers that it answers.'),
  body: z.unknown().optional().describe('A text is answered as it is; anything else as JSON.'),
  delay: duration(60_000, 'A delay is a duration up to 60s.').optional().describe('How long it waits before it answers, in real time.'),
  down: z.boolean().default(false).describe('Whether nothing listens there.'),
  times: z.int().min(1).optional().describe('For how many requests; until the next step of this kind when absent.'),
});

const fields = {
  request: request.optional().describe('Sends a request to the gateway.'),
  expect: expectation.optional().describe('What is expected of the request.'),
  advance: duration(YEAR_MS, 'A time to move on by is written as 90s, 24h or 31d.').optional().describe('Moves the clock on.'),
  rotate: rotation.optional().describe('Rotates the API key of a subscription.'),
  approve: subscription.optional().describe('Approves a subscription that waits; its key is made.'),
  suspend: subscription.optional().describe('Suspends a subscription.'),
  resume: subscription.optional().describe('Resumes a subscription that is suspended.'),
  revoke: subscription.optional().describe('Revokes a subscription for ever.'),
  upstream: script.optional().describe('What upstreams answer from now on; 200 and {} before.'),
};

/** Each of them is a step; `expect` belongs to `request`. */
const ACTIONS = Object.keys(fields).filter((field) => field !== 'expect') as readonly Exclude<keyof typeof fields, 'expect'>[];

const step = z.strictObject(fields).superRefine((one, context) => {
  const actions = ACTIONS.filter((action) => one[action] !== undefined);
  const [first, second] = actions;
  const issue = (message: string, path: readonly string[] = []): void => context.addIssue({ code: 'custom', message, path: [...path] });
  if (first === undefined) issue(`The step does nothing; it must be one of ${ACTIONS.join(', ')}.`);
  else if (second !== undefined) issue(`The step does ${actions.join(' and ')}: make a step of each.`);
  else if (one.expect !== undefined && first !== 'request') issue(`"expect" belongs to a request, not to ${first}.`, ['expect']);
});

const testCase = z.strictObject({
  name: z.string().min(1).max(200).describe('What holds, as a sentence.'),
  now: z.iso
    .datetime({ error: 'An instant is written as 2026-01-15T12:00:00Z.' })
    .default('2026-01-15T12:00:00Z')
    .describe('Where the clock stands when the case begins.'),
  steps: z.array(step).min(1).max(1000).describe('What happens, in order; each step does one thing.'),
});

/** One test file. */
export const testFile = z.strictObject({
  cases: z.array(testCase).min(1).describe('Cases; each begins with the manifests freshly applied, and knows nothing of the others.'),
});

export type TestFile = z.infer<typeof testFile>;
export type TestCase = TestFile['cases'][number];
export type TestStep = TestCase['steps'][number];
export type TestExpectation = z.infer<typeof expectation>;
export type TestRequest = z.infer<typeof request>;
export type UpstreamScript = z.infer<typeof script>;

const definition = defineKind({ kind: 'tests', plural: '', scope: 'global', summary: 'A test file', spec: testFile, example: {} });

/** A test file, or every finding with its place. Never throws. */
export function parseTestFile(text: string, file: string): { tests?: TestFile; diagnostics: readonly Diagnostic[]; place: Place } {
  const { value, diagnostics, place } = parseOneDocument(definition, text, file);
  // What is given is what the definition's schema has parsed.
  const tests = value as TestFile | undefined;
  return { ...(tests === undefined ? {} : { tests }), diagnostics, place };
}
