/** Which addresses the product may call by itself: upstreams, callbacks, webhooks (security requirement 30). The one table, for both servers and for checks. */

/** What an address is: callable by anybody, only where the operator allows it, or never. */
type Reach = 'public' | 'private' | 'never';

/** An address as a resolver gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

interface LookupOptions {
  readonly all?: boolean | undefined;
}

type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: Error | null, addresses: ResolvedAddress[]) => void,
) => void;
type LookupCallback = (error: Error | null, address: string | ResolvedAddress[], family?: number) => void;

/** Whether the host of a parsed URL is an address that nothing of ours ever calls. A name is looked at when it is resolved. */
export const isForbiddenHost = (hostname: string): boolean => reachOfHost(hostname) === 'never';

/** Whether the host of a parsed URL is, without any resolving, one that only an operator's leave makes callable: a private or loopback address, or localhost. */
export const isPrivateHost = (hostname: string): boolean => /^(.+\.)?localhost\.?$/i.test(hostname) || reachOfHost(hostname) === 'private';

/** Whether this IP address may be connected to. */
export function isAllowedAddress(address: string, allowPrivate: boolean): boolean {
  const reach = reachOf(address);
  return reach === 'public' || (reach === 'private' && allowPrivate);
}

/** Thrown into a connection attempt; it never becomes a retry. */
export class AddressError extends Error {
  readonly code = 'STOA_ADDRESS';
}

/** Why the host of a parsed URL, in brackets or not, is not connected to. Undefined for one that is, and for a name: `checkedLookup` looks at what it leads to. */
export function addressProblem(hostname: string, allowPrivate: boolean): AddressError | undefined {
  const address = hostname.replace(/^\[|\]$/g, '');
  const isName = !address.includes(':') && !V4.test(address);
  if (isName || isAllowedAddress(address, allowPrivate)) return undefined;
  return new AddressError(`${address} is not an address that is allowed.`);
}

/** A `lookup` for sockets: resolves with `resolve` and hands on only addresses that are allowed, so that the connection goes to what was checked. */
export function checkedLookup(
  resolve: Resolve,
  allowPrivate: boolean,
): (hostname: string, options: LookupOptions, callback: LookupCallback) => void {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const allowed = addresses.filter(({ address }) => isAllowedAddress(address, allowPrivate));
      const [first] = allowed;
      if (first === undefined) callback(new AddressError(`${hostname} leads to no address that is allowed.`), []);
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

const V4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

/** The reach of a host as URL writes it; undefined for a name. */
function reachOfHost(hostname: string): Reach | undefined {
  if (hostname.startsWith('[')) return reachOfV6(groupsOf(hostname.slice(1, -1)));
  return V4.test(hostname) ? reachOfV4(hostname.split('.').map(Number)) : undefined;
}

/** The reach of an address in any spelling; undefined for what is none. */
function reachOf(address: string): Reach | undefined {
  if (!address.includes(':')) return reachOfHost(address);
  const url = `http://[${address.replace(/%.*$/, '')}]`;
  return URL.canParse(url) ? reachOfHost(new URL(url).hostname) : undefined;
}

/** Single addresses at which clouds answer with credentials, outside of the ranges. */
const METADATA: ReadonlySet<string> = new Set(['100.100.100.200', '168.63.129.16']);

type Range = (a: number, b: number, c: number) => boolean;

/** Unspecified, link-local and cloud metadata, protocol assignments, multicast and reserved. */
const NEVER: readonly Range[] = [
  (a) => a === 0,
  (a, b) => a === 169 && b === 254,
  (a, b, c) => a === 192 && b === 0 && c === 0,
  (a) => a >= 224,
];
/** Private, loopback, shared, benchmarks. */
const PRIVATE: readonly Range[] = [
  (a) => a === 10 || a === 127,
  (a, b) => a === 172 && b >= 16 && b < 32,
  (a, b) => a === 192 && b === 168,
  (a, b) => a === 100 && b >= 64 && b < 128,
  (a, b) => a === 198 && (b === 18 || b === 19),
];

function reachOfV4(bytes: readonly number[]): Reach {
  const [a = 0, b = 0, c = 0] = bytes;
  const isIn = (ranges: readonly Range[]): boolean => ranges.some((range) => range(a, b, c));
  if (isIn(NEVER) || METADATA.has(bytes.join('.'))) return 'never';
  return isIn(PRIVATE) ? 'private' : 'public';
}

/** Link-local, site-local, unique local, multicast, discard; what carries an IPv4 address is as that one. */
function reachOfV6(groups: readonly number[]): Reach {
  const [first = 0] = groups;
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (isZero(0, 7) && groups[7] === 1) return 'private';
  if ((first & 0xff80) === 0xfe80 || (first & 0xfe00) === 0xfc00 || first >= 0xff00) return 'never';
  if (first === 0x100 && isZero(1, 4)) return 'never';
  const inner = embedded(groups, isZero);
  return inner === undefined ? 'public' : reachOfV4(inner.flatMap((group) => [group >> 8, group & 255]));
}

/** The two groups that carry an IPv4 address: IPv4-compatible, -mapped and -translated, NAT64, 6to4. */
function embedded(groups: readonly number[], isZero: (from: number, to: number) => boolean): readonly number[] | undefined {
  const [first, second, third] = groups;
  if (first === 0x2002) return groups.slice(1, 3);
  const isNat64 = first === 0x64 && second === 0xff9b && (third === 1 || isZero(2, 6));
  const isMapped =
    isZero(0, 4) && ((groups[4] === 0 && (groups[5] === 0 || groups[5] === 0xffff)) || (groups[4] === 0xffff && groups[5] === 0));
  return isNat64 || isMapped ? groups.slice(6) : undefined;
}

/** The eight groups of an address as URL writes it: hexadecimal, at most one `::`. */
export function groupsOf(address: string): number[] {
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const gap = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...gap, ...right].map((group) => Number.parseInt(group, 16));
}
