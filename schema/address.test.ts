import { describe, expect, it } from 'vitest';
import { isForbiddenHost } from './address.js';
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
