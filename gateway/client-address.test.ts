import { expect, it } from 'vitest';
import { clientAddresses, isAmong } from './client-address.js';

const whose = clientAddresses(['127.0.0.1', '10.0.0.0/8']);
const clientOf = (inbound: string): string => whose('127.0.0.1', inbound).clientIp;

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['9.9.9.9, 203.0.113.7, 10.0.0.7', '203.0.113.7'],
  ['10.0.0.8, 10.0.0.7', '10.0.0.8'],
  [' , 203.0.113.7,, 10.0.0.7,', '203.0.113.7'],
  ['', '127.0.0.1'],
])('the client is the last hop that is no proxy of ours, else the first: "%s" (DP26)', (inbound, client) => {
  expect(clientOf(inbound)).toBe(client);
});

it.each([
  ['9.9.9.9, 203.0.113.7:51234', '203.0.113.7'],
  ['9.9.9.9, 203.0.113.7:51234, 10.0.0.7:80', '203.0.113.7'],
  ['9.9.9.9, [2001:db8::1]:51234', '2001:db8::1'],
  ['9.9.9.9, [2001:db8::1]', '2001:db8::1'],
])('a hop may have its port: "%s" (DP26)', (inbound, client) => {
  expect(clientOf(inbound)).toBe(client);
});

it.each([
  ['9.9.9.9, unknown', '127.0.0.1'],
  ['9.9.9.9, unknown, 10.0.0.7', '10.0.0.7'],
  ['9.9.9.9, _hidden, 203.0.113.7', '203.0.113.7'],
  ['9.9.9.9, 203.0.113.7:port', '127.0.0.1'],
  ['9.9.9.9, 0:ffff:c000:201', '127.0.0.1'],
])('what a client writes left of a hop that is no address is not believed: "%s" (DP26)', (inbound, client) => {
  expect(clientOf(inbound)).toBe(client);
});

it('tells upstreams the hops that it could read, and the peer (DP26)', () => {
  expect(whose('127.0.0.1', '9.9.9.9, unknown, 203.0.113.7:51234, 10.0.0.7').chain).toBe('203.0.113.7, 10.0.0.7, 127.0.0.1');
});

it.each(['::ffff:192.0.2.1', '::ffff:c000:201', '::FFFF:C000:0201', '0:0:0:0:0:ffff:c000:201', '0:0::ffff:192.0.2.1'])(
  'an address of IPv4 is the same in the clothes of IPv6: %s',
  (address) => {
    expect(clientOf(address)).toBe('192.0.2.1');
    expect(clientAddresses([])(address, undefined).clientIp).toBe('192.0.2.1');
    expect(isAmong(['192.0.2.0/24'])(address)).toBe(true);
  },
);

it.each(['2001:db8::ffff:c000:201', '::ffff:0:c000:201', '0:ffff:1:2:3:4:5:6', '::1'])(
  'other addresses of IPv6 stay as they are: %s',
  (address) => {
    expect(clientOf(address)).toBe(address);
  },
);
