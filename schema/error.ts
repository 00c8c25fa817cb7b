/** One class of error and one table of codes: HTTP status, exit code, title and default hint are read from here (house rule: "Errors"). */

/** Where in a file a finding is. Lines and columns count from 1. */
export interface Source {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One finding about one value, plain data: rendered late, by the CLI or as `details` of an HTTP error. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable rule id, such as `unknown_field` or `missing_reference`. */
  readonly code: string;
  /** What is wrong, with the value. A full sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The value's place in the document, dotted: `spec.rate_limit.burst`. Empty for a whole document. */
  readonly path: string;
  /** The resource it is about: `API acme/payments`. */
  readonly resource?: string;
  readonly source?: Source;
}

interface ErrorEntry {
  readonly status: number;
  readonly exit: number;
  readonly title: string;
  readonly hint?: string;
}

/** Every error code of the product. `status` is the HTTP status, `exit` the exit code of stoactl (docs/reference/exit-codes.md). */
export const ERRORS = {
  validation_error: { status: 400, exit: 6, title: 'Invalid request parameters' },
  bad_request: { status: 400, exit: 1, title: 'The request is not well formed' },
  unauthorized: {
    status: 401,
    exit: 3,
    title: 'Missing or invalid credentials',
    hint: 'Sign in again, or set STOA_TOKEN or STOA_CLIENT_ID and STOA_CLIENT_SECRET.',
  },
  forbidden: { status: 403, exit: 3, title: 'Insufficient permissions' },
  not_found: { status: 404, exit: 4, title: 'Resource not found' },
  method_not_allowed: { status: 405, exit: 1, title: 'Method not allowed' },
  not_acceptable: { status: 406, exit: 1, title: 'There is no answer in a form that is accepted' },
  request_timeout: { status: 408, exit: 1, title: 'The request took too long to arrive' },
  conflict: { status: 409, exit: 5, title: 'Conflict with the current state' },
  gone: { status: 410, exit: 4, title: 'No longer there' },
  guard_refused: { status: 409, exit: 7, title: 'Refused by a guard' },
  precondition_failed: { status: 412, exit: 5, title: 'The resource has changed' },
  payload_too_large: { status: 413, exit: 1, title: 'The body is too large' },
  uri_too_long: { status: 414, exit: 1, title: 'The request target is too long' },
  unsupported_media_type: { status: 415, exit: 1, title: 'The content type is not supported' },
  expectation_failed: { status: 417, exit: 1, title: 'The expectation cannot be met' },
  rate_limited: { status: 429, exit: 1, title: 'Too many requests' },
  headers_too_large: { status: 431, exit: 1, title: 'The request head is too large' },
  internal_error: { status: 500, exit: 70, title: 'Server error' },
  not_implemented: { status: 501, exit: 1, title: 'Not supported' },
  bad_gateway: { status: 502, exit: 1, title: 'The upstream did not give a usable answer' },
  service_unavailable: { status: 503, exit: 1, title: 'Not available at the moment' },
  circuit_open: { status: 503, exit: 1, title: 'The upstream is failing; requests are held back' },
  api_not_activated: { status: 503, exit: 1, title: 'The API is not activated' },
  gateway_timeout: { status: 504, exit: 1, title: 'The upstream did not answer in time' },
  http_version_not_supported: { status: 505, exit: 1, title: 'The HTTP version is not supported' },
  network_error: { status: 502, exit: 1, title: 'The server could not be reached' },
  usage_error: { status: 400, exit: 64, title: 'Wrong usage' },
  interrupted: { status: 499, exit: 130, title: 'Interrupted' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The error body of every HTTP answer, on both planes (documents B and E). */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint?: string;
    readonly details?: readonly { readonly field: string; readonly message: string }[];
  };
}

interface StoaErrorOptions {
  readonly hint?: string;
  readonly diagnostics?: readonly Diagnostic[];
  /** Seconds after which another try makes sense; the hint says so, unless there is another one. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** The only error that a person is meant to read. Anything else that is thrown is our bug. */
export class StoaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfter: number | undefined;
  readonly diagnostics: readonly Diagnostic[];

  constructor(code: ErrorCode, message: string = ERRORS[code].title, options: StoaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoaError';
    this.code = code;
    const entry: ErrorEntry = ERRORS[code];
    this.retryAfter = options.retryAfter;
    this.hint = options.hint ?? (this.retryAfter === undefined ? entry.hint : `Try again in ${this.retryAfter} s.`);
    this.diagnostics = options.diagnostics ?? [];
  }
}

/** The HTTP body of an error. `details` are there when the error has diagnostics. */
export function errorBody(error: StoaError): ErrorBody {
  const details = error.diagnostics.map(({ path, message }) => ({ field: path, message }));
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(details.length === 0 ? {} : { details }),
    },
  };
}
