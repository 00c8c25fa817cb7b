/** Quotas that policies set: each counts for its own scope, by consumer, in the table of all quotas. */
import type { Exchange, Hooks, QuotaLimits } from '../policies/contract.js';
import type { QuotaTable } from './quotas.js';

/** What is counted for somebody under one policy. */
export interface PolicyQuota {
  /** Under which the table counts it. */
  readonly subject: string;
  /** Key of the policy's counters: its scope and name. */
  readonly key: string;
  /** Id of the consumer, or of a subscription without one; `anonymous` for all who have neither. */
  readonly caller: string;
  readonly limits: QuotaLimits;
}

/** For all requests without a key: nothing that a client says of itself tells them apart. */
export const ANONYMOUS = 'anonymous';
/** Between the key of a policy and a caller: no id has it. */
const SEPARATOR = '\n';

const callerOf = ({ caller }: Exchange): string => caller?.consumerId ?? caller?.subscriptionId ?? ANONYMOUS;

/** The key of the policy that a subject of the table belongs to; undefined for a subscription. */
function policyKeyOf(subject: string): string | undefined {
  const end = subject.lastIndexOf(SEPARATOR);
  return end === -1 ? undefined : subject.slice(0, end);
}

/** Tells whether something is still counted for a subject of the table. */
export const knownSubjects =
  (isLive: (key: string) => boolean, subscriptions: { has(id: string): boolean }) =>
  (subject: string): boolean => {
    const key = policyKeyOf(subject);
    return key === undefined ? subscriptions.has(subject) : isLive(key);
  };

/** The quotas of policies, over the table in which subscriptions are counted too. */
export class PolicyQuotas {
  readonly #table: QuotaTable;
  readonly #limits = new Map<string, QuotaLimits>();

  constructor(table: QuotaTable) {
    this.#table = table;
  }

  /** The check of a policy; the limits that it was given last are those that are shown. */
  hooks(key: string, limits: QuotaLimits): Hooks {
    this.#limits.set(key, limits);
    return this.#table.hooks((exchange) => {
      // The policy was out of force for a while, and its hooks were kept.
      if (!this.#limits.has(key)) this.#limits.set(key, limits);
      return key + SEPARATOR + callerOf(exchange);
    }, limits);
  }

  /** Takes note of the limits under which somebody else counts a subject. */
  note(subject: string, limits: QuotaLimits): void {
    const key = policyKeyOf(subject);
    if (key !== undefined) this.#limits.set(key, limits);
  }

  /** What is counted under policies that are in force. */
  list(isLive: (key: string) => boolean): PolicyQuota[] {
    return [...this.#table.subjects()].flatMap((subject) => {
      const key = policyKeyOf(subject);
      const limits = key === undefined || !isLive(key) ? undefined : this.#limits.get(key);
      return key === undefined || limits === undefined ? [] : [{ subject, key, caller: subject.slice(key.length + 1), limits }];
    });
  }

  /** Forgets policies that are gone, and their counts when the month is over. */
  sweep(isLive: (key: string) => boolean): void {
    for (const key of this.#limits.keys()) if (!isLive(key)) this.#limits.delete(key);
    this.#table.forget((subject) => {
      const key = policyKeyOf(subject);
      return key !== undefined && !isLive(key);
    });
  }
}
