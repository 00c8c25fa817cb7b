/** The part of a policy type that checking and docs need; `gateway/policies/` adds what happens on live traffic. */
import type * as z from 'zod';

export interface PolicyType<Config = unknown> {
  /** As in `spec.policy_type`: `rate_limit`. */
  readonly type: string;
  readonly summary: string;
  /** What the fields alone do not tell, a sentence or two each. */
  readonly behaviour?: readonly string[] | undefined;
  /** The shape of `spec.config`, every field with `.describe()`. */
  readonly config: z.ZodType<Config>;
  /** A config that parses; shown in docs, tested. */
  readonly example: unknown;
}
