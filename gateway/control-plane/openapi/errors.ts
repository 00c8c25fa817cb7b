/** Errors as the document shows them: one body, with an example of each code. */
import { ERRORS, errorBody, StoaError, type ErrorCode } from '../../../schema/error.js';
import type { Endpoint, Method } from '../http/endpoint.js';
import type { Node } from './components.js';

const CODES = [
  'validation_error',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'guard_refused',
  'precondition_failed',
  'payload_too_large',
  'rate_limited',
  'internal_error',
] as const satisfies readonly ErrorCode[];

type Code = (typeof CODES)[number];

const EVERYWHERE: readonly Code[] = ['validation_error', 'unauthorized', 'forbidden', 'rate_limited', 'internal_error'];

/** The example of documents B and E. */
const findings = { validation_error: [{ severity: 'error', code: 'invalid_value', path: 'tier', message: 'Invalid tier value' }] } as const;

/** The errors that an operation may answer, by status. */
export function errorAnswers({ urls, errors = [] }: Endpoint, method: Method): Node {
  const codes = new Set<Code>([...EVERYWHERE, ...errors]);
  if (urls.some((url) => url.includes('/:'))) codes.add('not_found');
  // An Idempotency-Key that was used for another request.
  if (method === 'POST') codes.add('conflict');
  const name = (sameStatus: readonly Code[]): string => sameStatus.join('_or_');
  return Object.fromEntries([...groupByStatus(codes)].map(([status, same]) => [status, { $ref: `#/components/responses/${name(same)}` }]));
}

function groupByStatus(codes: ReadonlySet<Code>): ReadonlyMap<number, Code[]> {
  const groups = new Map<number, Code[]>();
  for (const code of CODES.filter((known) => codes.has(known))) {
    const { status } = ERRORS[code];
    groups.set(status, [...(groups.get(status) ?? []), code]);
  }
  return groups;
}

const exampleOf = (code: Code): Node =>
  errorBody(new StoaError(code, undefined, { diagnostics: code in findings ? [...findings.validation_error] : [] })) as unknown as Node;

function responseOf(codes: readonly Code[]): Node {
  const headers = codes.includes('rate_limited') ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } : {};
  return {
    description: codes.map((code) => ERRORS[code].title).join('; or: '),
    headers,
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/Error' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

/** The answers that `errorAnswers` refers to. */
export const errorResponses: Node = Object.fromEntries(
  [...CODES.map((code) => [code]), ['conflict', 'guard_refused'] as const].map((codes) => [codes.join('_or_'), responseOf(codes)]),
);

/** The body of every error. */
export const errorSchema: Node = {
  type: 'object',
  additionalProperties: false,
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      additionalProperties: false,
      required: ['code', 'message'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS), description: 'Stable name of the error.' },
        message: { type: 'string', description: 'What is wrong; in French with Accept-Language: fr.' },
        hint: { type: 'string', description: 'What to do about it.' },
        details: {
          type: 'array',
          description: 'What is wrong with which field.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['field', 'message'],
            properties: { field: { type: 'string', description: 'Dotted place in the request.' }, message: { type: 'string' } },
          },
        },
      },
    },
  },
};
