import { describe, expect, it } from 'vitest';
import { fieldsOf, traitsOf } from '../schema-walk.js';
import { api, HTTP_METHODS } from './api.js';

const minimal = { path: '/payments', upstream_url: 'https://payments.example.com' };
const parse = (more: object): boolean => api.spec.safeParse({ ...minimal, ...more }).success;

describe('an API', () => {
  it('has defaults for everything but path and upstream', () => {
    expect(api.spec.parse(minimal)).toEqual({
      ...minimal,
      methods: [...HTTP_METHODS],
      auth_required: true,
      activated: true,
      timeout_ms: 30_000,
      connect_timeout_ms: 5000,
      retries: 2,
    });
  });

  it.each([
    [undefined, {}, 'client certificate required'],
    [{ required: false }, {}, 'client certificate required'],
    [{}, undefined, 'authentication loosened'],
    [{}, { issuers: ['CN=a'] }, 'fewer issuers of client certificates'],
    [{ issuers: ['CN=a', 'CN=b'] }, { issuers: ['CN=a'] }, 'fewer issuers of client certificates'],
    [{ issuers: ['CN=a'] }, { issuers: ['CN=a', 'CN=b'] }, undefined],
    [{ issuers: ['CN=a'] }, {}, undefined],
  ])('with client certificates %j changed to %j breaks: %s (DP22)', (before, after, reason) => {
    const field = fieldsOf(api.spec)?.['client_certificate'];
    const parsed = (value: object | undefined) => (value === undefined ? undefined : { required: true, ...value });

    expect(field === undefined ? 'no field' : traitsOf(field).breaking?.(parsed(before), parsed(after))).toBe(reason);
  });

  it('takes methods in any order and once', () => {
    expect(api.spec.parse({ ...minimal, methods: ['POST', 'GET', 'POST'] })).toMatchObject({ methods: ['GET', 'POST'] });
  });

  it('takes backend_url for upstream_url, but not both', () => {
    expect(api.spec.parse({ path: '/a', backend_url: 'https://b.example.com' })).toMatchObject({ upstream_url: 'https://b.example.com' });
    expect(parse({ backend_url: 'https://b.example.com' })).toBe(false);
  });

  it.each(['/', '/a', '/a/b', '/a.b/c-d_e~f', '/v1', '/a:b@c', `/${'a'.repeat(511)}`])('is served at %j', (path) => {
    expect(parse({ path })).toBe(true);
  });

  it.each([
    '',
    'a',
    '/a/',
    '//',
    '/a//b',
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/a%2fb',
    '/a%00',
    '/a b',
    '/a\\b',
    '/a?b',
    '/a#b',
    '/a;b',
    '/a\nb',
    '/é',
    `/${'a'.repeat(512)}`,
    null,
    5,
  ])('cannot be served at %j', (path) => {
    expect(parse({ path })).toBe(false);
  });

  it.each(['http://localhost:8080', 'https://api.example.com/base/', 'http://10.0.0.1', 'http://[::1]:80'])(
    'forwards to %j',
    (upstream_url) => {
      expect(parse({ upstream_url })).toBe(true);
    },
  );

  it.each([
    ...[
      '',
      'localhost:8080',
      '//host',
      'ftp://a.example.com',
      'file:///etc/passwd',
      'https://user@a.example.com',
      'https://user:pw@a.example.com',
      'https://a.example.com/?q',
      'https://a.example.com/#f',
    ],
    ...[
      'https://a.example.com/ b',
      'https://a.example.com\\b',
      'https://a.example.com/\n',
      'http://169.254.169.254/latest',
      'http://2852039166/',
      'http://[::ffff:169.254.169.254]/',
      'http://0.0.0.0',
      null,
    ],
  ])('cannot forward to %j', (upstream_url) => {
    expect(parse({ upstream_url })).toBe(false);
  });

  it.each([
    { methods: [] },
    { methods: ['TRACE'] },
    { methods: ['get'] },
    { version: 'a/b' },
    { version: '..' },
    { version: '' },
    { timeout_ms: 0 },
    { timeout_ms: 1.5 },
    { retries: 11 },
    { max_body_bytes: 0 },
    { auth_required: 'true' },
    { rate_limit: {} },
    { circuit_breaker: { failure_threshold: 0 } },
  ])('cannot have %j', (more) => {
    expect(parse(more)).toBe(false);
  });

  it.each([
    [{}, ['path /payments']],
    [{ version: 'v1' }, ['path /payments/v1']],
    [{ path: '/' }, ['path /']],
    [{ path: '/', version: 'v1' }, ['path /v1']],
  ])('with %j claims %j', (more, claims) => {
    expect(api.claims({ ...minimal, ...more }, 'payments').map(({ claim }) => claim)).toEqual(claims);
  });
});
