/** IP addresses and networks as people write them (RFC 4632, RFC 4291), compared as numbers. An IPv4 address is the same as its IPv4-mapped IPv6 one. */

const V4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const MAPPED = 0xffffn << 32n;
const BITS = 128;

export interface IpRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** An address as a number of 128 bits; undefined for what is none. */
export function ipNumber(text: string): bigint | undefined {
  if (V4.test(text)) return MAPPED | text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !URL.canParse(`http://[${text}]`)) return undefined;
  const [left = [], right = []] = new URL(`http://[${text}]`).hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter(Boolean));
  const gap = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...gap, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. Throws `TypeError` with a sentence that says what is wrong. */
export function parseIpRange(text: string): IpRange {
  const [address = '', length, ...rest] = text.split('/');
  const first = ipNumber(address);
  if (first === undefined || rest.length > 0) throw new TypeError(`"${text}" is not an IP address or network such as 192.0.2.0/24.`);
  const width = V4.test(address) ? 32 : BITS;
  if (length === undefined) return { first, last: first };
  if (!/^\d{1,3}$/.test(length) || Number(length) > width) throw new TypeError(`"${text}": a prefix has 0 to ${width} bits.`);
  const size = 1n << BigInt(width - Number(length));
  if (first % size !== 0n) throw new TypeError(`"${text}" has bits beyond its prefix: it is an address, not the beginning of a network.`);
  return { first, last: first + size - 1n };
}

/** Whether an address is in one of the ranges. */
export const isInRanges = (address: bigint, ranges: readonly IpRange[]): boolean =>
  ranges.some(({ first, last }) => first <= address && address <= last);
