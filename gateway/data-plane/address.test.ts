import { expect, it } from 'vitest';
import { checkedLookup, isAllowedAddress } from './address.js';

const never = [
  ...['0.0.0.0', '0.1.2.3', '169.254.169.254', '169.254.0.1', '100.100.100.200', '224.0.0.1', '255.255.255.255', '240.0.0.1'],
  ...['::', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::169.254.169.254'],
  ...['64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '::ffff:0:0', '::ffff:0:169.254.169.254', 'localhost', ''],
];

it.each(never)('ssrf: never connects to %s', (address) => {
  expect(isAllowedAddress(address, true)).toBe(false);
});

it.each(['127.0.0.1', '10.1.2.3', '172.20.0.1', '192.168.1.1', '100.64.0.1', '::1', '::ffff:127.0.0.1', '64:ff9b::a00:1'])(
  'ssrf: connects to the private address %s only where that is allowed',
  (address) => {
    expect(isAllowedAddress(address, false)).toBe(false);
    expect(isAllowedAddress(address, true)).toBe(true);
  },
);

it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '64:ff9b::101:101'])('connects to the public address %s', (address) => {
  expect(isAllowedAddress(address, false)).toBe(true);
});

it('ssrf: a name that leads to a private address is refused after it was resolved', async () => {
  const error = await new Promise((resolve) => {
    checkedLookup(false)('localhost', {}, resolve);
  });

  expect(error).toMatchObject({ code: 'STOA_ADDRESS' });
});
