/** What a portal's page asks of its server: below the address of its tenant, as whoever the cookie says. */
import { answerOf } from '../../browser/refusal.js';

export interface RateLimit {
  readonly limit: number;
  readonly window_secs: number;
  readonly burst: number;
}

export interface Limits {
  readonly rate_limit: RateLimit | null;
  readonly daily_quota: number | null;
  readonly monthly_quota: number | null;
}

export interface OfferedApi {
  readonly name: string;
  readonly title: string;
  readonly version: string | null;
  readonly description: string | null;
  readonly url: string;
  readonly needs_key: boolean;
}

export interface OfferedPlan extends Limits {
  readonly name: string;
  readonly title: string;
  readonly description: string | null;
}

export interface Offer {
  readonly apis: readonly OfferedApi[];
  readonly plans: readonly OfferedPlan[];
}

export interface Subscription {
  readonly id: string;
  readonly api: string;
  readonly plan: string | null;
  readonly application: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly api_key_prefix: string | null;
  readonly previous_key_expires_at: string | null;
  readonly sealed_to: string | null;
  readonly rate_limit: number | null;
  readonly quota: number | null;
  readonly requests_this_month: number;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface Me {
  readonly tenant: { readonly name: string; readonly title: string; readonly description: string | null };
  readonly consumer: { readonly name: string; readonly email: string | null };
}

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
