/** One HTTP exchange with a server of the product: deadline, retries, and errors as sentences. Built on the runtime's own `fetch`. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ERRORS, StoaError, type ErrorBody, type ErrorCode } from '../schema/error.js';
import { deadline } from './deadline.js';

const compress = promisify(gzip);

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What holds when no answer comes; ends the hint of a timeout. */
  readonly onTimeout?: string | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface HttpOptions {
  now(): number;
  readonly log?: ((line: string) => void) | undefined;
}

const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 200;
const GZIP_FROM_BYTES = 16_384;
const RETRY_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const RESETS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Sends a request, again on 429, 502, 503, 504 and resets until the deadline or the fourth try. Every other answer is returned.
 * Throws `network_error` when the server cannot be reached or does not answer in time. The caller sees to it that a repeated POST is harmless.
 */
export async function send(request: HttpRequest, options: HttpOptions): Promise<HttpReply> {
  const until = options.now() + request.timeoutMs;
  const body = await encode(request);
  for (let attempt = 1; ; attempt++) {
    const reply = await attemptOnce(request, body, until, options);
    const pause = pauseBefore(attempt, reply);
    const isFinal = pause === undefined || attempt === MAX_TRIES || options.now() + pause >= until;
    if (isFinal && reply instanceof StoaError) throw reply;
    if (isFinal) return reply as HttpReply;
    options.log?.(`Trying again in ${Math.ceil(pause)} ms.`);
    await sleep(pause, request.signal);
  }
}

interface Encoded {
  readonly bytes: string | Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

async function encode({ body, headers }: HttpRequest): Promise<Encoded> {
  if (body === undefined) return { bytes: undefined, headers };
  if (body.length < GZIP_FROM_BYTES) return { bytes: body, headers };
  return { bytes: await compress(body, { level: 1 }), headers: { ...headers, 'content-encoding': 'gzip' } };
}

/** One try: an answer, or the error that it ended with where that may be tried again. */
async function attemptOnce(request: HttpRequest, body: Encoded, until: number, options: HttpOptions): Promise<HttpReply | StoaError> {
  const started = options.now();
  const timeout = deadline(Math.max(1, until - started));
  const signal = request.signal === undefined ? timeout.signal : AbortSignal.any([request.signal, timeout.signal]);
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: body.headers,
      body: body.bytes ?? null,
      redirect: 'manual',
      signal,
    });
    const text = await response.text();
    options.log?.(`${request.method} ${request.url}: ${response.status} in ${options.now() - started} ms`);
    return { status: response.status, headers: response.headers, text };
  } catch (error) {
    if (request.signal?.aborted === true) throw request.signal.reason;
    if (timeout.signal.aborted) throw timeoutError(request);
    const failure = networkError(request.url, error);
    options.log?.(`${request.method} ${request.url}: ${failure.message}`);
    if (RESETS.has(codeOf(error))) return failure;
    throw failure;
  } finally {
    timeout.end();
  }
}

/** Milliseconds to wait before the next try; undefined when there is to be none. */
function pauseBefore(attempt: number, reply: HttpReply | StoaError): number | undefined {
  if (!(reply instanceof StoaError) && !RETRY_STATUS.has(reply.status)) return undefined;
  const backOff = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
  const header = reply instanceof StoaError ? null : reply.headers.get('retry-after');
  const asked = header === null || !/^\d+$/.test(header) ? 0 : Number(header) * 1000;
  return Math.max(backOff, asked);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

function timeoutError({ url, timeoutMs, onTimeout }: HttpRequest): StoaError {
  return new StoaError('network_error', `${new URL(url).origin} did not answer within ${timeoutMs / 1000} s.`, {
    hint: onTimeout ?? 'Give it longer with --timeout, or look at its log.',
  });
}

function codeOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be resolved',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ETIMEDOUT: 'no connection could be made in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection could be made in time',
  EHOSTUNREACH: 'there is no route to it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** The sentence for a server that cannot be reached, with its address and what to do. */
function networkError(url: string, error: unknown): StoaError {
  return new StoaError('network_error', `${new URL(url).origin} cannot be reached: ${unreachableReason(error)}.`, {
    hint: 'Start it (for the local stack: "stoactl dev"), or name another with STOA_API_URL or --server.',
    cause: error,
  });
}

/** Why a server could not be reached, in words. */
export function unreachableReason(error: unknown): string {
  const code = codeOf(error);
  return REASONS[code] ?? (code === '' ? reasonOf(error) : code);
}

/** Ports of other protocols, 9 or 25 say, are blocked by the Fetch standard: a page or a command must not speak HTTP to them. */
function reasonOf(error: unknown): string {
  const words = causeOf(error);
  return words === 'bad port' ? 'the port is one of those that HTTP clients never call; the server has to listen on another' : words;
}

/** The words of the innermost cause, such as "bad port". */
const causeOf = (error: unknown): string =>
  error instanceof Error ? (error.cause === undefined ? error.message : causeOf(error.cause)) : String(error);

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'payload_too_large',
  429: 'rate_limited',
  500: 'internal_error',
  501: 'not_implemented',
  502: 'bad_gateway',
  503: 'service_unavailable',
  504: 'gateway_timeout',
};

/** An answer that is not a success, as an error with the server's own code, message, hint and details. */
export function replyError(url: string, { status, text, headers }: HttpReply): StoaError {
  const body = errorOf(text);
  const retryAfter = headers.get('retry-after');
  const wait = retryAfter === null ? undefined : `Try again in ${retryAfter} s.`;
  if (body === undefined)
    return new StoaError(
      CODE_OF_STATUS[status] ?? 'network_error',
      `${new URL(url).origin} answered ${status} without an error of the control plane.`,
      {
        hint: wait ?? 'Is this the address of the control plane, and is nothing in between that answers for it?',
      },
    );
  // Every error of a control plane says its language; that of a gateway, which has the same form, does not.
  if (status === 404 && !headers.has('content-language'))
    return new StoaError('network_error', `${new URL(url).origin} is no control plane: it answered 404, "${body.message}"`, {
      hint: 'Check STOA_API_URL, STOA_AUTH_URL and --server: the gateway has an address of its own.',
    });
  const code = Object.hasOwn(ERRORS, body.code) ? body.code : (CODE_OF_STATUS[status] ?? 'network_error');
  const hint = body.hint ?? wait ?? hintOf(body.message);
  const diagnostics = (body.details ?? []).map(({ field, message }) => ({ severity: 'error' as const, code, message, path: field }));
  return new StoaError(code, body.message, { ...(hint === undefined ? {} : { hint }), diagnostics });
}

/** What is listed by a command of its own, by the word of messages. */
const LISTED_BY: Readonly<Record<string, string>> = { revision: 'history' };

/** Where the names are listed of which one was not found. */
function hintOf(message: string): string | undefined {
  const [, word] = /^(\w+) "[^"]*" does not exist/.exec(message.toLowerCase()) ?? [];
  return word === undefined ? undefined : `Run "stoactl ${LISTED_BY[word] ?? `get ${word}`}" for those that there are.`;
}

function errorOf(text: string): ErrorBody['error'] | undefined {
  try {
    const { error } = JSON.parse(text) as Partial<ErrorBody>;
    return typeof error?.code === 'string' && typeof error.message === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
