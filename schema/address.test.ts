import { lookup } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { addressProblem, checkedLookup, isAllowedAddress, isForbiddenHost, isPrivateHost } from './address.js';
import { callbackUrl, upstreamUrl } from './url.js';

const FORBIDDEN = [
  'http://169.254.169.254/latest/meta-data',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://0251.0376.0251.0376/',
  'http://169.254.43518/',
  'http://169.254.169.254./',
  'http://0.0.0.0/',
  'http://0/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://192.0.0.192/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://[::]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[fd00:ec2::254]/',
  'http://[ff02::1]/',
  'http://[100::1]/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::169.254.169.254]/',
  'http://[::ffff:0:a9fe:a9fe]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::a9fe:a9fe]/',
  'http://[2002:a9fe:a9fe::]/',
];
const ALLOWED = [
  'http://127.0.0.1:3000/',
  'http://[::1]:3000/',
  'http://10.0.0.1/',
  'http://[::ffff:10.0.0.1]/',
  'http://8.8.8.8/',
  'http://[2606:4700::1111]/',
  'http://localhost/',
  'http://payments.example.com/',
  'http://169.254.169.254.example.com/',
];

describe('server-side-request-forgery', () => {
  it.each(FORBIDDEN)('refuses %s as an upstream and as a callback', (url) => {
    expect(isForbiddenHost(new URL(url).hostname)).toBe(true);
    expect(upstreamUrl.safeParse(url).success).toBe(false);
    expect(callbackUrl.safeParse(url).success).toBe(false);
  });

  it.each(ALLOWED)('lets %s pass', (url) => {
    expect(upstreamUrl.safeParse(url).success).toBe(true);
    expect(callbackUrl.safeParse(url).success).toBe(true);
  });
});

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

it.each([
  ['127.0.0.1', true],
  ['[::1]', true],
  ['::1', true],
  ['::ffff:169.254.169.254', true],
  ['fe80::1%eth0', true],
  ['::gibberish', true],
  ['8.8.8.8', false],
  ['[2606:4700::1111]', false],
  ['localhost', false],
  ['1.2.3.4.example.com', false],
])('ssrf: the host %s is refused before anybody connects: %s', (hostname, isRefused) => {
  expect(addressProblem(hostname, false)?.code).toBe(isRefused ? 'STOA_ADDRESS' : undefined);
});

it('ssrf: a name that leads to a private address is refused after it was resolved', async () => {
  const error = await new Promise((resolve) => {
    checkedLookup(lookup, false)('localhost', {}, resolve);
  });

  expect(error).toMatchObject({ code: 'STOA_ADDRESS' });
});

it.each([
  ['127.0.0.1', true],
  ['[::1]', true],
  ['10.0.0.7', true],
  ['localhost', true],
  ['a.localhost', true],
  ['8.8.8.8', false],
  ['localhost.example.com', false],
])('knows without resolving whether the host %s is private: %s', (hostname, expected) => {
  expect(isPrivateHost(hostname)).toBe(expected);
});
