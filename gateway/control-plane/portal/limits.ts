/** What a portal stands: strangers write here. */
import { isIPv6 } from 'node:net';
import { StoaError } from '../../../schema/error.js';
import { createHourlyCounts, secondsLeft, type Standing } from '../hourly-counts.js';

/** Registrations an hour: from one address, and at one tenant whatever the addresses. */
const PER_ADDRESS = 20;
const PER_TENANT = 60;
/** Writes an hour of one consumer: far more than a person makes. */
const PER_CONSUMER = 120;
/** Consumers of a tenant who came by themselves and have no approved subscription. */
export const MAX_UNPROVEN = 200;
/** Addresses that are remembered. One that is pushed out begins a new hour; the limit of its tenant holds all the same. */
const MAX_ADDRESSES = 10_000;
const MAX_SUBJECTS = 100_000;

/** Refuses with `rate_limited`. `retryAfter` is told how many seconds to wait. */
export interface PortalLimits {
  registration(address: string, tenant: string, retryAfter: (seconds: number) => void): void;
  write(consumer: string, retryAfter: (seconds: number) => void): void;
}

/** Counts in memory, bounded. */
export function createPortalLimits(now: () => number): PortalLimits {
  const addresses = createHourlyCounts(now, MAX_ADDRESSES);
  const subjects = createHourlyCounts(now, MAX_SUBJECTS);
  const hold = (standing: Standing, what: string, retryAfter: (seconds: number) => void): void => {
    if (standing.isAllowed) return;
    const seconds = secondsLeft(standing, now());
    retryAfter(seconds);
    throw new StoaError('rate_limited', what, { hint: `Try again in ${seconds} s.` });
  };
  return {
    registration(address, tenant, retryAfter) {
      hold(addresses.take(networkOf(address), PER_ADDRESS), 'Access was asked for too often from this address.', retryAfter);
      hold(subjects.take(`tenant ${tenant}`, PER_TENANT), 'Access was asked for too often at this portal.', retryAfter);
    },
    write(consumer, retryAfter) {
      hold(subjects.take(`consumer ${consumer}`, PER_CONSUMER), 'There were too many changes in an hour.', retryAfter);
    },
  };
}

/** Whoever has one address of IPv6 has the 2^64 beside it. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [left = '', right] = address.split('::');
  const [before, after] = [left, right ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = right === undefined ? 0 : 8 - (before?.length ?? 0) - (after?.length ?? 0);
  return [...(before ?? []), ...Array.from({ length: zeros }, () => '0'), ...(after ?? [])].slice(0, 4).join(':');
}
