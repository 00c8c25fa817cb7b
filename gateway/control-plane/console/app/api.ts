/** Calls of the API. */
import { answerOf } from '../../browser/refusal.js';
import type { Session } from './session.js';

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
    return answerOf<Answer>(response);
  }
}

/** A segment of a path. */
export const segment = encodeURIComponent;
