/** What a portal's page asks of its server: below the address of its tenant, as whoever the cookie says. */
import { answerOf } from '../../browser/refusal.js';

/** Sends requests to the portal of one tenant. */
export class PortalApi {
  readonly #base: string;

  /** `base` is the path of the portal: /portal/acme. */
  constructor(base: string) {
    this.#base = base;
  }

  /** The JSON of the answer. Throws ApiError with the words of the portal. */
  async send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return answerOf<Answer>(await fetch(`${this.#base}/${path}`, { method, credentials: 'same-origin', ...json }));
  }

  /** The link by which this secret signs in. */
  linkOf(secret: string): string {
    return `${location.origin}${this.#base}#${secret}`;
  }
}
