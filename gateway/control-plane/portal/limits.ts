/** What a portal stands: strangers write here. */
import { isIPv6 } from 'node:net';
import { groupsOf, isAllowedAddress } from '../../../schema/address.js';
import { createHourlyCounts, requireAllowed } from '../hourly-counts.js';

/** Registrations an hour: from one network, and at one tenant whatever the networks. */
const PER_NETWORK = 20;
const PER_TENANT = 60;
/** Writes an hour of one consumer: far more than a person makes. */
const PER_CONSUMER = 120;
/** Consumers of a tenant who came by themselves and have no approved subscription: all of them, and those who came from one network. */
export const MAX_UNPROVEN = { tenant: 200, network: 20 } as const;
/** Networks that are remembered. One that is pushed out begins a new hour; the limit of its tenant holds all the same. */
const MAX_NETWORKS = 10_000;
const MAX_SUBJECTS = 100_000;

/** Refuses with `rate_limited`. */
export interface PortalLimits {
  /** Somebody asks for access, from a network as `networkOf` gives it. */
  attempt(network: string | null): void;
  /** There is a place for them at this tenant. */
  registration(tenant: string): void;
  write(consumer: string): void;
}

/** Counts in memory, bounded. */
export function createPortalLimits(now: () => number): PortalLimits {
  const networks = createHourlyCounts(now, MAX_NETWORKS);
  const subjects = createHourlyCounts(now, MAX_SUBJECTS);
  return {
    attempt(network) {
      if (network === null) return;
      requireAllowed(networks.take(network, PER_NETWORK), now(), 'Access was asked for too often from this network.');
    },
    registration(tenant) {
      requireAllowed(subjects.take(`tenant ${tenant}`, PER_TENANT), now(), 'Access was asked for too often at this portal.');
    },
    write(consumer) {
      requireAllowed(subjects.take(`consumer ${consumer}`, PER_CONSUMER), now(), 'There were too many changes in an hour.');
    },
  };
}

/**
 * The network of a stranger: the /24 of IPv4, the /56 of IPv6. Whoever has one address has those beside it, and who is given a network of IPv6 has at least as
 * much. Null for an address that no stranger has: behind a proxy that nobody named, or a NAT of one's own, everybody has it.
 */
export function networkOf(address: string): string | null {
  if (!isAllowedAddress(address, false)) return null;
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  const [a = 0, b = 0, c = 0, d = 0] = groupsOf(new URL(`http://[${plain}]`).hostname.slice(1, -1));
  return `${[a, b, c, d & 0xff_00].map((group) => group.toString(16)).join(':')}::/56`;
}
