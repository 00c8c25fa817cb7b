/** Rotation of an API key (document C): who is meant, how long the old key still works, and where the new one goes. */
import { parseDuration } from '../../schema/duration.js';
import { StoaError } from '../../schema/error.js';
import type { StoredResource } from '../../schema/change.js';
import type { Client, Rotation, RotationRequest } from '../client.js';
import { openKeyFile } from './key-file.js';
import { parseName } from './kinds.js';

/** Document C's guideline table; of a range, its longer end. */
export const SCENARIOS = {
  single: { hours: 4, what: 'one application, quick deploy' },
  rolling: { hours: 24, what: 'several services, rolling deploy' },
  partner: { hours: 72, what: 'partner integrations, external consumers' },
  compliance: { hours: 24, what: 'scheduled rotation' },
  emergency: { hours: 1, what: 'the key is compromised' },
} as const;

export type Scenario = keyof typeof SCENARIOS;

const DEFAULT_HOURS = 24;
const MIN_HOURS = 1;
const MAX_HOURS = 168;
const HOUR_MS = 3_600_000;

export interface Grace {
  readonly hours: number;
  /** Set when the wish was not a whole number of hours. */
  readonly roundedFrom?: string;
}

/** The grace window in whole hours, rounded up. Throws `usage_error` below 1 h and above 168 h. */
export function graceOf(text: string | undefined, scenario: Scenario | undefined): Grace {
  if (text === undefined) return { hours: scenario === undefined ? DEFAULT_HOURS : SCENARIOS[scenario].hours };
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new StoaError('usage_error', `--grace: "${text}" is not a duration.`, { hint: 'Write it as 90m, 24h or 3d.' });
  if (ms < MIN_HOURS * HOUR_MS || ms > MAX_HOURS * HOUR_MS)
    throw new StoaError('usage_error', `--grace: ${text} is outside of the range of 1h to 168h (7d).`, {
      hint: ms < HOUR_MS ? 'To cut a key off at once: stoactl keys revoke KEY.' : 'Rotate with at most 168h.',
    });
  const hours = Math.ceil(ms / HOUR_MS);
  return hours * HOUR_MS === ms ? { hours } : { hours, roundedFrom: text };
}

/** Whose key it is. */
export interface Holder {
  readonly kind: 'Subscription' | 'Consumer';
  readonly tenant: string;
  readonly name: string;
  readonly id: string;
}

/**
 * The subscription or consumer of a word: an id (`sub-…`, `con-…`), a name, `tenant/name`, or either with `subscription/` or `consumer/` before it.
 * A subscription is preferred. Throws `not_found`, or `usage_error` when several tenants have the name.
 */
async function findHolder(word: string, tenant: string | undefined, client: Client): Promise<Holder> {
  const [, prefix, rest = word] = /^(subscription|consumer)s?\/(.+)$/i.exec(word) ?? [];
  const kinds = (['Subscription', 'Consumer'] as const).filter(
    (kind) => prefix === undefined || kind.toLowerCase() === prefix.toLowerCase(),
  );
  for (const kind of kinds) {
    const holder = one(await candidates(kind, rest, tenant, client), kind, rest);
    if (holder !== undefined) return { kind, tenant: holder.tenant, name: holder.name, id: holder.id };
  }
  throw new StoaError('not_found', `There is no ${kinds.map((kind) => kind.toLowerCase()).join(' and no ')} "${rest}".`, {
    hint: 'Run "stoactl get subscriptions" for those that there are.',
  });
}

async function candidates(kind: string, text: string, tenant: string | undefined, client: Client): Promise<StoredResource[]> {
  const query = parseName(text, tenant);
  const named = (await client.list({ kind, tenant: query.tenant, name: query.name })).filter(({ name }) => name === query.name);
  if (named.length > 0 || !/^(sub|con)-/.test(text)) return named;
  return (await client.list({ kind, tenant })).filter(({ id }) => id === text);
}

function one(found: readonly StoredResource[], kind: string, text: string): StoredResource | undefined {
  if (found.length < 2) return found[0];
  throw new StoaError('usage_error', `${found.length} tenants have a ${kind.toLowerCase()} "${text}".`, {
    hint: `Name one of them: ${found.map(({ tenant, name }) => `${tenant}/${name}`).join(', ')}.`,
  });
}

function rotate({ kind, tenant, id }: Holder, { hours }: Grace, isForced: boolean, client: Client): Promise<Rotation> {
  const request: RotationRequest = { grace_period_hours: hours, ...(isForced ? { force: true } : {}) };
  return kind === 'Subscription' ? client.rotateSubscriptionKey(id, request) : client.rotateConsumerKey(tenant, id, request);
}

export interface RotateRequest {
  /** Subscription or consumer, as typed. */
  readonly word: string;
  readonly tenant: string | undefined;
  readonly grace: Grace;
  readonly isForced: boolean;
  /** Where the new key is written; undefined to return it. */
  readonly file: string | undefined;
  /** Whether a file that is there is replaced. */
  readonly mayReplace: boolean;
}

/** A rotation without its key, so that it may be printed and logged anywhere. */
export interface KeyRotation extends Omit<Rotation, 'new_api_key'> {
  readonly schema_version: 1;
  readonly holder: Holder;
  readonly file?: string;
}

/** Rotates. `key` is there unless it went to a file; nothing else of the answer holds it. */
export async function rotateKey(
  { word, tenant, grace, isForced, file, mayReplace }: RotateRequest,
  client: Client,
): Promise<{ rotation: KeyRotation; key?: string }> {
  const holder = await findHolder(word, tenant, client);
  const target = file === undefined ? undefined : openKeyFile(file, mayReplace);
  const answer = await rotate(holder, grace, isForced, client).catch((error: unknown) => {
    target?.discard();
    throw error;
  });
  target?.commit(answer.new_api_key);
  const rotation: KeyRotation = {
    schema_version: 1,
    holder,
    subscription_id: answer.subscription_id,
    new_api_key_prefix: answer.new_api_key_prefix,
    old_key_expires_at: answer.old_key_expires_at,
    grace_period_hours: answer.grace_period_hours,
    rotation_count: answer.rotation_count,
    ...(file === undefined ? {} : { file }),
  };
  return file === undefined ? { rotation, key: answer.new_api_key } : { rotation };
}
