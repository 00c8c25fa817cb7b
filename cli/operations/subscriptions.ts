/** Subscriptions as they live: listed, and taken from state to state. */
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { SubscriptionRecord, SubscriptionVerb } from '../lived-client.js';
import { openKeyFile } from './key-file.js';
import { parseName } from './kinds.js';

export interface SubscriptionListing {
  readonly schema_version: 1;
  readonly subscriptions: readonly SubscriptionRecord[];
}

export interface SubscriptionQuery {
  readonly tenant: string | undefined;
  readonly status: string | undefined;
  /** Ids or names. */
  readonly api: string | undefined;
  readonly consumer: string | undefined;
}

/** Every subscription that matches, newest first. */
export async function listSubscriptions(
  { tenant, status, api, consumer }: SubscriptionQuery,
  { lived }: Client,
): Promise<SubscriptionListing> {
  return { schema_version: 1, subscriptions: await lived.subscriptions(tenant, { status, api_id: api, consumer_id: consumer }) };
}

/** A subscription without its key, so that it may be printed anywhere. */
export type ShownSubscription = Omit<SubscriptionRecord, 'api_key'> & { readonly schema_version: 1; readonly file?: string };

export interface StepRequest {
  /** Id, name or tenant/name, as typed. */
  readonly word: string;
  readonly tenant: string | undefined;
  readonly verb: SubscriptionVerb;
  readonly body: object;
  /** Where a key that is made is written; undefined to return it. */
  readonly file?: string | undefined;
  /** Whether a file that is there is replaced. */
  readonly mayReplace?: boolean;
}

/** Takes a step. `key` is there when the step has made one and it did not go to a file. Throws `not_found`, `conflict`. */
export async function takeStep(
  { word, tenant, verb, body, file, mayReplace = false }: StepRequest,
  { lived }: Client,
): Promise<{ readonly subscription: ShownSubscription; readonly key?: string }> {
  const { tenant: owner, name } = parseName(word, tenant);
  const target = file === undefined ? undefined : openKeyFile(file, mayReplace);
  const answer = await lived.step(owner, name, verb, body).catch((error: unknown) => {
    target?.discard();
    throw error;
  });
  const { api_key: key, ...shown } = answer;
  if (key === null) target?.discard();
  else target?.commit(key);
  const subscription = { schema_version: 1 as const, ...shown, ...(file === undefined ? {} : { file }) };
  return key === null || file !== undefined ? { subscription } : { subscription, key };
}

/** A limit as it is typed. Throws `usage_error`. */
export function countOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new StoaError('usage_error', `--${flag} takes a whole number from 1; "${text}" is none.`, { hint: `For example: --${flag} 1000.` });
}
