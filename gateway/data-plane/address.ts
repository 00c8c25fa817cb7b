/** Which addresses a gateway may connect to: checked on the resolved address, whatever spelling led to it (security requirement 30). */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits = ''] = subnet.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Never: unspecified, link-local and cloud metadata, multicast, reserved, unique local. */
const NEVER = blockList([
  ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '100.100.100.200/32', '168.63.129.16/32', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', 'fe80::/10', 'fec0::/10', 'fc00::/7', 'ff00::/8', '100::/64'],
]);
/** Only where the operator allows it. */
const PRIVATE = blockList(['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15', '::1/128']);
/** IPv6 forms that carry an IPv4 address: where in the 16 bytes it begins. */
const EMBEDDED: readonly (readonly [BlockList, number])[] = [
  [blockList(['::/96']), 12],
  [blockList(['::ffff:0:0/96']), 12],
  [blockList(['::ffff:0:0:0/96']), 12],
  [blockList(['64:ff9b::/96']), 12],
  [blockList(['64:ff9b:1::/48']), 12],
  [blockList(['2002::/16']), 2],
];

/** Whether a gateway may connect to this IP address. */
export function isAllowedAddress(address: string, allowPrivate: boolean): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (NEVER.check(address, type)) return false;
  if (PRIVATE.check(address, type)) return allowPrivate;
  if (family === 4) return true;
  const inner = embeddedAddress(address);
  return inner === undefined || isAllowedAddress(inner, allowPrivate);
}

function embeddedAddress(address: string): string | undefined {
  const form = EMBEDDED.find(([list]) => list.check(address, 'ipv6'));
  if (form === undefined) return undefined;
  return [...ipv6Bytes(address).subarray(form[1], form[1] + 4)].join('.');
}

/** The 16 bytes of a valid IPv6 address; URL writes it in one form without dots. */
function ipv6Bytes(address: string): Uint8Array {
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]));
}

/** Thrown into a connection attempt; it never becomes a retry. */
export class AddressError extends Error {
  readonly code = 'STOA_ADDRESS';
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** A `lookup` for sockets: resolves as node does and hands on only addresses that are allowed, so the connection goes to what was checked. */
export function checkedLookup(allowPrivate: boolean): (hostname: string, options: LookupOptions, callback: LookupCallback) => void {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
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
