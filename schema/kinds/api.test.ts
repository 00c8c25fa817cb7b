import { describe, expect, it } from 'vitest';
import { fieldsOf, traitsOf } from '../schema-walk.js';
import { api, HTTP_METHODS } from './api.js';

const deep = (levels: number): object => (levels === 0 ? { openapi: '3.0.0' } : { openapi: '3.0.0', a: deep(levels - 1) });
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

  it('may carry an OpenAPI document', () => {
    const openapi = { openapi: '3.1.0', info: { title: 'Payments' }, paths: { '/p': { get: {} } } };

    expect(api.spec.parse({ ...minimal, openapi })).toMatchObject({ openapi });
  });

  it.each([
    ['that is a text', 'openapi: 3.0.0', /expected record/],
    ['that is a list', [1], /expected record/],
    ['of Swagger 2.0', { swagger: '2.0', paths: {} }, /no OpenAPI 3/],
    ['whose version is a number', { openapi: 3.1 }, /no OpenAPI 3/],
    ['whose paths are a list', { openapi: '3.0.0', paths: [] }, /paths of an OpenAPI document are a mapping/],
    ['that is too large', { openapi: '3.0.0', 'x-more': 'é'.repeat(300 * 1024) }, /has 6144\d\d bytes as JSON; at most 524288/],
    ['that has no end', deep(100), /deeper than 64 levels/],
    ['with a value that is no JSON', { openapi: '3.0.0', 'x-more': NaN }, /JSON does not know/],
    ['with a dangerous name', JSON.parse('{"openapi":"3.0.0","a":{"__proto__":{}}}') as object, /field "__proto__"/],
  ])('refuses a document %s', (_what, openapi, message) => {
    const result = api.spec.safeParse({ ...minimal, openapi });

    expect(result.error?.issues).toMatchObject([{ path: ['openapi'], message: expect.stringMatching(message) as unknown }]);
  });

  it('may have several servers, of which the first is its upstream_url', () => {
    const upstreams = [{ url: 'https://a.example.com' }, { url: 'https://b.example.com', weight: 2 }];

    expect(api.spec.parse({ path: '/a', upstreams, health_check: {} })).toMatchObject({
      upstream_url: 'https://a.example.com',
      upstreams: [
        { url: 'https://a.example.com', weight: 1 },
        { url: 'https://b.example.com', weight: 2 },
      ],
      health_check: { path: '/health', interval_secs: 10, timeout_ms: 2000, unhealthy_threshold: 3, healthy_threshold: 2 },
    });
    expect(parse({ upstream_url: 'https://b.example.com', upstreams })).toBe(true);
  });

  it.each([
    ['an upstream_url that is none of them', { upstreams: [{ url: 'https://other.example.com' }] }],
    ['no server', { upstreams: [] }],
    ['one server twice', { upstreams: [{ url: minimal.upstream_url }, { url: `${minimal.upstream_url}/` }] }],
    ['no weight', { upstreams: [{ url: minimal.upstream_url, weight: 0 }] }],
    ['a forbidden address', { upstreams: [{ url: minimal.upstream_url }, { url: 'http://169.254.169.254' }] }],
    ['a check of another host', { health_check: { path: 'http://x' } }],
  ])('cannot have %s', (_what, more) => {
    expect(parse(more)).toBe(false);
  });

  it('says when another system is called, not when one is called less', () => {
    const field = fieldsOf(api.spec)?.['upstreams'];
    const list = (...hosts: string[]) => hosts.map((host) => ({ url: `https://${host}`, weight: 1 }));
    const reason = (before?: object, after?: object) => (field === undefined ? 'no field' : traitsOf(field).breaking?.(before, after));

    expect(reason(list('a'), list('a', 'b', 'b:1'))).toBe('upstream host added: b, b:1');
    expect(reason(list('a', 'b'), list('b'))).toBeUndefined();
    expect(reason(undefined, list('a', 'b'))).toBe('several upstream hosts: a, b');
    expect(reason(undefined, list('a'))).toBeUndefined();
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
    [{ version: 'v1' }, ['path /payments/v1', 'path /payments shared']],
    [{ path: '/' }, ['path /']],
    [{ path: '/', version: 'v1' }, ['path /v1', 'path / shared']],
  ])('with %j claims %j', (more, claims) => {
    const made = api.claims({ ...minimal, ...more }, 'payments');

    expect(made.map(({ claim, isShared }) => (isShared === true ? `${claim} shared` : claim))).toEqual(claims);
  });
});
