/** Calls of the API. */
import type { Session } from './session.js';

/** What the API said in place of an answer. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface ErrorAnswer {
  readonly error?: {
    readonly message?: string;
    readonly hint?: string;
    readonly details?: readonly { readonly field: string; readonly message: string }[];
  };
}

/** Sends requests below /v1 as whoever is signed in. */
export class Api {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The JSON of the answer. Throws ApiError with the message and hint of the API. */
  async send<Answer>(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`/v1${path}`, {
      method,
      credentials: 'omit',
      headers: {
        authorization: `Bearer ${await this.#session.token()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new ApiError(response.status, await refusalOf(response));
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  }
}

async function refusalOf(response: Response): Promise<string> {
  const { error } = (await response.json().catch(() => ({}))) as ErrorAnswer;
  if (error?.message === undefined) return `The control plane answered ${response.status}.`;
  const details = (error.details ?? []).map(({ field, message }) => `${field}: ${message}`);
  return [error.message, ...details, error.hint].filter((part) => part !== undefined && part !== '').join(' ');
}

/** A segment of a path. */
export const segment = encodeURIComponent;
