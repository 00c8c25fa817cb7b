import { expect, it } from 'vitest';
import type { StoaError } from '../../../schema/error.js';
import { createPortalLimits, networkOf } from './limits.js';

const HOUR_MS = 3_600_000;

it('lets 60 ask for access at one tenant in an hour, whatever their addresses, and others at another one (UI1)', () => {
  let now = 0;
  const limits = createPortalLimits(() => now);
  let wait = 0;
  const ask = (address: string, tenant = 'ten-acme'): string | undefined => {
    try {
      limits.attempt(networkOf(address));
      limits.registration(tenant);
      return undefined;
    } catch (error) {
      wait = (error as StoaError).retryAfter ?? 0;
      return (error as StoaError).code;
    }
  };
  for (let each = 0; each < 60; each += 1) expect(ask(`192.0.${each}.7`)).toBeUndefined();
  now = HOUR_MS / 2;

  expect([ask('198.51.100.1'), wait]).toEqual(['rate_limited', 1800]);
  expect(ask('198.51.100.2', 'ten-globex')).toBeUndefined();
  now = HOUR_MS;
  expect(ask('198.51.100.1')).toBeUndefined();
});

it.each([
  ['192.0.2.7', '192.0.2.0/24'],
  ['2001:db8:1:2ff:3:4:5:6', '2001:db8:1:200::/56'],
  ['2001:DB8:1:2FF::6', '2001:db8:1:200::/56'],
  ['2001:db8::6', '2001:db8:0:0::/56'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/56'],
])('counts %s as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it.each(['127.0.0.1', '10.1.2.3', '172.18.0.1', '192.168.1.7', '100.64.0.9', '::1', '::ffff:172.18.0.1', 'fd00::7', 'fe80::1%eth0'])(
  'sees a proxy or a NAT of its own in %s, and no network of strangers: everybody comes from there',
  (address) => {
    const limits = createPortalLimits(() => 0);

    expect(networkOf(address)).toBeNull();
    for (let each = 0; each < 21; each += 1) limits.attempt(networkOf(address));
  },
);
