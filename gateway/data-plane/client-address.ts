/** Who the client is: the peer of the socket, or, behind proxies that the operator trusts, who they say it is. */
import { BlockList, isIP } from 'node:net';
import type { ForwardedFor } from './upstream-request.js';

/** Reads the peer's address and the inbound `X-Forwarded-For`. */
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
    const hops = (inbound ?? '')
      .split(',')
      .map((hop) => plain(hop.trim()))
      .filter((hop) => isIP(hop) !== 0);
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

/** IPv4 clients of a dual-stack socket appear as `::ffff:1.2.3.4`. */
const plain = (address: string): string => (address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address);
