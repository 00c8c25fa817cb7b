/** What the server of a portal says to its page: one description for both. */

export interface RateLimit {
  readonly limit: number;
  readonly window_secs: number;
  readonly burst: number;
}

/** Limits as a gateway holds them, the factor of the tenant on each. */
export interface Limits {
  readonly rate_limit: RateLimit | null;
  readonly daily_quota: number | null;
  readonly monthly_quota: number | null;
}

/** An API as its subscribers see it. */
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

/** Where a subscription stands in the way of another one to the same API. */
export const LIVE: readonly string[] = ['pending_approval', 'active', 'suspended'];

/** A subscription as its consumer sees it. */
export interface Subscription {
  readonly id: string;
  readonly api: string;
  readonly plan: string | null;
  readonly application: string | null;
  readonly status: string;
  /** Of a rejection; what is said of a suspension or revocation is for the owner's eyes. */
  readonly reason: string | null;
  readonly api_key_prefix: string | null;
  readonly previous_key_expires_at: string | null;
  /** The x coordinate of the public key to which the first key is sealed, while it waits to be seen. */
  readonly sealed_to: string | null;
  /** Requests per hour, and per calendar month, set at approval. */
  readonly rate_limit: number | null;
  readonly quota: number | null;
  readonly requests_this_month: number;
  readonly created_at: string;
  readonly expires_at: string | null;
}

/** A secret by which a consumer signs in: its only showing. */
export interface SignIn {
  readonly secret: string;
  readonly expires_at: string;
}

/** A consumer as they call themselves. */
export interface Person {
  readonly name: string;
  readonly email: string | null;
}

/** Who is signed in, and where. */
export interface Me {
  readonly tenant: { readonly name: string; readonly title: string; readonly description: string | null };
  readonly consumer: Person;
}

/** A link was opened where somebody else is signed in, who has to say whether they want to be its consumer. */
export interface OtherSession {
  readonly present: Person;
  readonly next: Person;
}
