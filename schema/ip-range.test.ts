import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipNumber, isInRanges, parseIpRange } from './ip-range.js';

const v4 = fc.ipV4();
const v6 = fc.ipV6();

describe('IP ranges', () => {
  it('agree with the operating system’s own on what they hold', () => {
    const network = fc.oneof(
      fc.record({
        address: v4,
        bits: fc.integer({ min: 0, max: 32 }),
        other: v4,
        family: fc.constant('ipv4' as const),
        width: fc.constant(32),
      }),
      fc.record({
        address: v6,
        bits: fc.integer({ min: 0, max: 128 }),
        other: v6,
        family: fc.constant('ipv6' as const),
        width: fc.constant(128),
      }),
    );
    fc.assert(
      fc.property(network, ({ address, bits, other, family, width }) => {
        const first = ((ipNumber(address) ?? 0n) >> BigInt(width - bits)) << BigInt(width - bits);
        const list = new BlockList();
        list.addSubnet(address, bits, family);
        const range = { first, last: first + (1n << BigInt(width - bits)) - 1n };
        for (const each of [address, other]) expect(isInRanges(ipNumber(each) ?? -1n, [range])).toBe(list.check(each, family));
      }),
    );
  });

  it.each([
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.7', '::ffff:192.0.2.7', true],
    ['::ffff:192.0.2.7', '192.0.2.7', true],
    ['2001:db8::/32', '2001:DB8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '10.0.0.1', true],
  ])('%s holds %s: %s', (range, address, expected) => {
    expect(isInRanges(ipNumber(address) ?? -1n, [parseIpRange(range)])).toBe(expected);
  });

  it.each([
    ['192.0.2.1/24', 'beyond its prefix'],
    ['2001:db8::1/32', 'beyond its prefix'],
    ['192.0.2.0/33', '0 to 32 bits'],
    ['::/129', '0 to 128 bits'],
    ['192.0.2.0/', '0 to 32 bits'],
    ['192.0.2.0/-1', '0 to 32 bits'],
    ['192.0.2.0/24/1', 'not an IP address'],
    ['192.0.2', 'not an IP address'],
    ['192.0.2.256', 'not an IP address'],
    ['010.0.0.1', 'not an IP address'],
    ['0x7f000001', 'not an IP address'],
    ['fe80::1%eth0', 'not an IP address'],
    ['example.com', 'not an IP address'],
    ['[::1]', 'not an IP address'],
    ['', 'not an IP address'],
  ])('"%s" is none: %s', (text, message) => {
    expect(() => parseIpRange(text)).toThrow(message);
  });
});
