/** Who the client is: the peer of the socket, or, behind proxies that the operator trusts, who they say it is. */
import { BlockList, isIP } from 'node:net';
import { StoaError } from '../schema/error.js';

/** Where the client is, as far as it can be known. */
export interface ForwardedFor {
  readonly clientIp: string;
  /** Value of `X-Forwarded-For`: ends with the peer's address. */
  readonly chain: string;
  readonly isTrusted: boolean;
}

/** Flag of the proxies, the same for both servers. */
export const TRUSTED_PROXIES_FLAG = {
  type: 'string',
  value: 'NETWORKS',
  variable: 'STOA_TRUSTED_PROXIES',
  summary: 'Peers whose X-Forwarded-* are believed.',
  absent: 'nobody',
} as const;

/** Addresses and networks. One that cannot be read ends the start: it would be trusted by nobody, or fail on the first request. Throws `usage_error`. */
export function readNetworks(text: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  for (const entry of entries.filter(Boolean)) {
    const [address = '', bits, ...rest] = entry.split('/');
    const most = isIP(address) === 6 ? 128 : 32;
    const isNetwork = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (isIP(address) === 0 || address.includes('%') || !isNetwork || rest.length > 0)
      throw new StoaError('usage_error', `--trusted-proxies takes addresses and networks such as 10.0.0.0/8; "${entry}" is none.`);
  }
  return entries.filter(Boolean);
}

/** Reads the peer's address and the inbound `X-Forwarded-For`; what is left of a hop that is no address, anybody may have written. */
export type ClientAddresses = (peer: string | undefined, inbound: string | undefined) => ForwardedFor;

/** Whether an address is one of these addresses or in one of these networks. */
export function isAmong(networks: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const entry of networks) addNetwork(list, entry);
  return (address) => {
    const known = plain(address ?? '');
    const family = isIP(known);
    return family !== 0 && list.check(known, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/** `trusted` are addresses or networks; with none, what clients say of themselves is dropped. */
export function clientAddresses(trusted: readonly string[]): ClientAddresses {
  const isTrusted = isAmong(trusted);
  return (rawPeer, inbound) => {
    const peer = plain(rawPeer ?? '');
    if (trusted.length === 0 || !isTrusted(peer)) return { clientIp: peer, chain: peer, isTrusted: false };
    const hops = readHops(inbound ?? '');
    const client = hops.findLast((hop) => !isTrusted(hop)) ?? hops[0] ?? peer;
    return { clientIp: client, chain: [...hops, peer].join(', '), isTrusted: true };
  };
}

function addNetwork(list: BlockList, entry: string): void {
  const [address = '', bits] = entry.split('/');
  const type = address.includes(':') ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address, type);
  else list.addSubnet(address, Number(bits), type);
}

/** Hops in the order of the field, from after the last that is no address (RFC 7239, section 6: it may be "unknown"). Empty ones are none (RFC 9110, section 5.6.1). */
function readHops(inbound: string): readonly string[] {
  const hops: string[] = [];
  for (const entry of inbound.split(',').reverse()) {
    const text = entry.trim();
    const address = isIP(text) === 0 ? withoutPort(text) : text;
    if (text !== '' && isIP(address) === 0) break;
    if (text !== '') hops.push(plain(address));
  }
  return hops.reverse();
}

/** Some proxies write the port of the client too: `192.0.2.1:51234`, `[2001:db8::1]:51234`. */
function withoutPort(hop: string): string {
  const [, ipv6, ipv4 = hop] = /^(?:\[(.+)\]|([\d.]+))(?::\d{1,5})?$/.exec(hop) ?? [];
  return ipv6 ?? ipv4;
}

const MAPPED = /^[0:]+:ffff:(?:([\d.]+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/** IPv4 clients of a dual-stack socket appear as `::ffff:192.0.2.1`; others write `::ffff:c000:201`. */
function plain(address: string): string {
  const mapped = MAPPED.exec(address);
  if (mapped === null) return address;
  const [, ipv4, high = '', low = ''] = mapped;
  if (ipv4 !== undefined) return ipv4;
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]).join('.');
}
