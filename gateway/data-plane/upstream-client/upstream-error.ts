/** What breaks an exchange with an upstream, beside what the system says of the connection. */

export type UpstreamErrorCode =
  /** The answer is not what RFC 9112 allows; its connection is not used any more. */
  | 'STOA_INVALID_ANSWER'
  | 'STOA_ANSWER_HEAD_TOO_LARGE'
  /** The connection ended inside of an answer. */
  | 'STOA_ANSWER_CUT_SHORT'
  /** The connection ended before an answer began. */
  | 'STOA_CONNECTION_CLOSED'
  | 'STOA_CONNECT_TIMEOUT'
  /** The request has a part that cannot be written; nothing of it was. */
  | 'STOA_INVALID_REQUEST'
  /** Whoever was told of the exchange, or this client, threw `cause`: a fault of ours. */
  | 'STOA_HANDLER_FAILED';

export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;

  constructor(code: UpstreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
