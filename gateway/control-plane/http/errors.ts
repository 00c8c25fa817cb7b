/** Every error as the documented body: our own as they are, fastify's translated, anything else hidden and logged. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ERRORS, errorBody, StoaError, type ErrorCode } from '../../../schema/error.js';
import { isDatabaseFailure } from '../database/open.js';
import { inLanguage, languageOf } from './language.js';

/** Writes the answer of an error. Errors that are not ours are logged with their stack and never shown. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toStoaError(error, request);
  if (known.code === 'unauthorized') void reply.header('www-authenticate', challenge(request));
  if (known.retryAfter !== undefined) void reply.header('retry-after', known.retryAfter);
  if (ERRORS[known.code].status === 413) void reply.header('connection', 'close');
  const language = languageOf(request);
  void reply.header('content-language', language).header('vary', 'Accept-Language');
  return reply
    .code(ERRORS[known.code].status)
    .type('application/json; charset=utf-8')
    .send(inLanguage(errorBody(known), language));
}

/** RFC 6750, section 3: the reason is given only when a token was sent. */
const challenge = ({ headers }: FastifyRequest): string =>
  headers.authorization === undefined ? 'Bearer realm="stoa"' : 'Bearer realm="stoa", error="invalid_token"';

function toStoaError(error: unknown, request: FastifyRequest): StoaError {
  if (error instanceof StoaError) return error;
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  if (code.startsWith('Z_')) return new StoaError('bad_request', 'The body is not valid gzip.', { cause: error });
  if (isDatabaseFailure(error)) return databaseFailure(error, request);
  if (statusCode >= 400 && statusCode < 500) return ofFastify(code, statusCode, request);
  request.log.error({ event: 'internal_error', path: pathOf(request), request_id: request.id, err: error });
  return new StoaError('internal_error', `${ERRORS.internal_error.title}. Request id: ${request.id}`);
}

function databaseFailure(error: unknown, request: FastifyRequest): StoaError {
  request.log.error({ event: 'database_connection_failed', path: pathOf(request), request_id: request.id, err: error });
  return new StoaError('service_unavailable', `The database cannot be used at the moment. Request id: ${request.id}`, { cause: error });
}

const BY_FASTIFY_CODE: Readonly<Record<string, (request: FastifyRequest) => StoaError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (request) => tooLarge(request.routeOptions.bodyLimit),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) =>
    new StoaError('unsupported_media_type', `The content type "${(headers['content-type'] ?? '').slice(0, 100)}" is not supported here.`, {
      hint: 'Send JSON with Content-Type: application/json.',
    }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new StoaError('bad_request', 'The body is not as long as Content-Length says.'),
  FST_ERR_BAD_URL: () => new StoaError('bad_request', 'The path of the request is not well formed.'),
};

const BY_STATUS = new Map<number, ErrorCode>(
  (['not_found', 'method_not_allowed', 'request_timeout', 'payload_too_large', 'uri_too_long', 'unsupported_media_type'] as const).map(
    (code) => [ERRORS[code].status, code],
  ),
);

function ofFastify(code: string, status: number, request: FastifyRequest): StoaError {
  return BY_FASTIFY_CODE[code]?.(request) ?? new StoaError(BY_STATUS.get(status) ?? 'bad_request');
}

function tooLarge(limit = 0): StoaError {
  const readable = limit % (1024 * 1024) === 0 ? `${limit / 1024 / 1024} MiB` : `${limit} bytes`;
  return new StoaError('payload_too_large', `The body is too large; here at most ${readable} (${limit} bytes) fit.`);
}

/** The path of a request without its query, which may hold anything. */
export const pathOf = ({ url }: Pick<FastifyRequest, 'url'>): string => url.split('?', 1)[0] ?? url;
