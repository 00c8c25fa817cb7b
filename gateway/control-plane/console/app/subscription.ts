/** A subscription as the API answers it, as far as the console looks. */
export interface Subscription {
  readonly id: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly api: string;
  readonly consumer_id: string | null;
  readonly consumer: string | null;
  readonly consumer_name: string | null;
  readonly consumer_email: string | null;
  readonly status: string;
  readonly api_key: string | null;
  readonly api_key_prefix: string | null;
  readonly previous_key_expires_at: string | null;
  readonly last_rotated_at: string | null;
}

/** What people call it: its name, or, where nobody has given one, who has access to what. */
export const titleOf = ({ id, name, consumer, api }: Subscription): string => (name === id ? `${consumer ?? 'access'}-${api}` : name);
