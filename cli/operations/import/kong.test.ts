import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import { importKong } from './kong.js';
import { readForeign } from './source.js';

const CANARY = 'canary-credential-5d1f';

const load = (text: string) => importKong(readForeign(text, 'kong.yaml'), { file: 'kong.yaml', tenant: 'acme' });
const document = (rest: object): string => JSON.stringify({ _format_version: '3.0', ...rest });
const service = (more: object = {}, route: object = {}) => ({
  name: 'pay',
  url: 'http://pay.internal:8080/base',
  routes: [{ name: 'pay', paths: ['/pay'], ...route }],
  ...more,
});
const resourcesOf = (rest: object, kind = 'API') => load(document(rest)).resources.filter((resource) => resource.kind === kind);
const specOf = (rest: object, kind = 'API') => resourcesOf(rest, kind)[0]?.spec;
const toldOf = (rest: object) =>
  load(document(rest))
    .items.map(({ item, outcome, message }) => `${outcome} ${item}: ${message}`)
    .join('\n');

/** What is said of a document that is refused. */
function refusalOf(root: object): string {
  try {
    load(JSON.stringify(root));
    return 'It was imported.';
  } catch (error) {
    return JSON.stringify(error instanceof StoaError ? error.diagnostics : error);
  }
}

describe('import kong (CL18)', () => {
  it.each([
    ['strips what it matched', {}, 'http://pay.internal:8080/base'],
    ['keeps what it matched', { strip_path: false }, 'http://pay.internal:8080/base/pay'],
  ])('a route that %s is forwarded to %s', (_what, route, upstream) => {
    expect(specOf({ services: [service({}, route)] })).toMatchObject({ path: '/pay', upstream_url: upstream, auth_required: false });
  });

  it('takes over timeouts, retries, methods and what is switched off', () => {
    const spec = specOf({
      services: [service({ connect_timeout: 999_999, read_timeout: 2000, retries: 50, enabled: false }, { methods: ['GET', 'TRACE'] })],
    });

    expect(spec).toMatchObject({ connect_timeout_ms: 120_000, timeout_ms: 2000, retries: 10, methods: ['GET'], activated: false });
  });

  it('makes an API of each path, with names of their own; patterns, paths that are taken and routes by host are told of', () => {
    const rest = {
      services: [
        service({}, { paths: ['/a', '/b/', '~/c/\\d+', '/a'] }),
        { name: 'web', host: 'web', routes: [{ name: 'by-host', hosts: ['x.example.com'] }] },
      ],
    };

    expect(resourcesOf(rest).map(({ name, spec }) => [name, spec['path']])).toEqual([
      ['pay', '/a'],
      ['pay-b', '/b'],
    ]);
    expect(toldOf(rest)).toMatch(/skipped services\[0\] \(pay\)\.routes\[0\] \(pay\)\.paths\[2\]: .* is a pattern/);
    expect(toldOf(rest)).toMatch(/paths\[3\]: "\/a" is taken by API acme\/pay/);
    expect(toldOf(rest)).toMatch(/skipped services\[1\] \(web\)\.routes\[0\] \(by-host\): It has no path/);
  });

  it('finds routes, plugins and upstreams by name or id wherever they stand', () => {
    const rest = {
      services: [{ id: 's-1', name: 'pay', host: 'balanced', port: 80 }],
      routes: [
        { name: 'r', paths: ['/r'], service: { id: 's-1' } },
        { name: 'lost', paths: ['/lost'], service: 'nobody' },
      ],
      plugins: [
        { name: 'key-auth', route: 'r' },
        { name: 'rate-limiting', service: { name: 'pay' }, config: { minute: 5 } },
      ],
      upstreams: [
        {
          name: 'balanced',
          targets: [
            { target: 'one:8080', weight: 10 },
            { target: 'two:8080', weight: 90 },
            { target: 'off:1', weight: 0 },
          ],
        },
      ],
    };

    expect(specOf(rest)).toMatchObject({
      upstream_url: 'http://two:8080',
      upstreams: [
        { url: 'http://two:8080', weight: 9 },
        { url: 'http://one:8080', weight: 1 },
      ],
      auth_required: true,
    });
    expect(specOf(rest, 'Policy')).toMatchObject({ config: { requests_per_minute: 5 }, targets: [{ kind: 'API', name: 'r' }] });
    expect(toldOf(rest)).toContain('skipped routes[1] (lost): It names no service');
  });

  it('asks the servers of an upstream for their health as Kong did, and tells what is not the same', () => {
    const rest = {
      services: [service({ url: undefined, host: 'Pool', path: '/base' }, { strip_path: false })],
      upstreams: [
        {
          id: 'u-1',
          name: 'pool',
          algorithm: 'least-connections',
          host_header: 'pay.internal',
          healthchecks: {
            active: {
              type: 'https',
              http_path: '/up',
              timeout: 3,
              healthy: { interval: 5, successes: 1 },
              unhealthy: { interval: 7, http_failures: 4 },
            },
            passive: { unhealthy: { http_failures: 5 } },
          },
        },
        { name: 'unused', targets: [{ target: 'x:1' }] },
      ],
      targets: [
        { target: '10.0.0.1', upstream: { id: 'u-1' } },
        { target: '10.0.0.2:9000', weight: 65_535, upstream: 'pool' },
        { target: 'lost:1', upstream: 'nowhere' },
      ],
    };

    expect(specOf(rest)).toMatchObject({
      upstream_url: 'http://10.0.0.2:9000/base/pay',
      upstreams: [
        { url: 'http://10.0.0.2:9000/base/pay', weight: 1000 },
        { url: 'http://10.0.0.1:8000/base/pay', weight: 2 },
      ],
      health_check: { path: '/up', interval_secs: 5, timeout_ms: 3000, unhealthy_threshold: 4, healthy_threshold: 1 },
    });
    const told = toldOf(rest);
    expect(told).toContain('by weight in turn, not by least-connections');
    expect(told).toContain('host_header is not imported');
    expect(told).toContain('the circuit breaker watches each server');
    expect(told).toContain('skipped upstreams[1] (unused): No service uses it.');
    expect(told).toContain('skipped targets[2]: It names no upstream');
  });

  it('makes policies for the consumers of a group, wherever it is said who is in it', () => {
    const limit = (count: number) => ({ name: 'rate-limiting-advanced', config: { limit: [count], window_size: [60] } });
    const rest = {
      services: [service({ plugins: [{ ...limit(3), consumer_group: 'silver' }] })],
      consumer_groups: [
        { name: 'gold', plugins: [limit(10)] },
        { id: 'g-2', name: 'silver', consumers: [{ username: 'bar' }] },
        { name: 'empty', plugins: [limit(1)] },
      ],
      consumers: [
        { username: 'foo', groups: [{ name: 'gold' }] },
        { username: 'bar' },
        { username: 'baz', groups: [{ consumer_group: { name: 'gold' } }] },
      ],
      plugins: [limit(5)],
    };

    expect(resourcesOf(rest, 'Policy').map(({ spec }) => [spec['config'], spec['targets']])).toEqual([
      [{ requests_per_minute: 5 }, []],
      [{ requests_per_minute: 3 }, [{ kind: 'API', name: 'pay', consumer: 'bar' }]],
      [
        { requests_per_minute: 10 },
        [
          { kind: 'Consumer', name: 'foo' },
          { kind: 'Consumer', name: 'baz' },
        ],
      ],
    ]);
    expect(toldOf(rest)).toContain('skipped consumer_groups[2] (empty): No consumer of the document is in it.');
  });

  it('says of an address that cannot be put in the place of the path that it is not', () => {
    const transformed = (uri: string, route: object = {}, url = 'http://pay.internal') =>
      toldOf({ services: [service({ url, plugins: [{ name: 'request-transformer', config: { replace: { uri } } }] }, route)] });

    expect(transformed('/v2/pay')).toContain('A policy of type transform');
    expect(transformed('/v2/pay')).toContain('follows the new path');
    for (const told of [
      transformed('/v2/$(uri_captures.id)'),
      transformed('/'),
      transformed('/v2', { strip_path: false }),
      transformed('/v2', {}, 'http://pay/base'),
    ])
      expect(told).toContain('It changes no headers');
  });

  it('takes a window of any length from rate-limiting-advanced, and the next one into the APIs', () => {
    const config = { limit: [100, 5, 7], window_size: [1800, 10], identifier: 'ip' };

    const rest = { services: [service({ plugins: [{ name: 'rate-limiting-advanced', config }] })] };

    expect(specOf(rest, 'Policy')).toMatchObject({ config: { limit: 5, window_secs: 10 } });
    expect(specOf(rest)).toMatchObject({ rate_limit: { limit: 100, window_secs: 1800 } });
    expect(toldOf(rest)).toContain('The limit by 1800 seconds stands in the APIs');
  });

  it('reads a document that names no version when it has entities of Kong; of another one it says what it is', () => {
    const { format, items } = load(JSON.stringify({ services: [service()] }));

    expect(format).toBe('Kong');
    expect(items[0]).toMatchObject({ outcome: 'note', item: '_format_version' });
    expect(refusalOf({ openapi: '3.0.0', paths: {} })).toContain('stoactl import openapi');
    expect(refusalOf({ apiVersion: 'configuration.konghq.com/v1', kind: 'KongPlugin', plugins: [{}] })).toContain('deck gateway dump');
    expect(refusalOf({ services: {} })).toContain('is missing.');
  });

  it.each([
    ['rate-limiting', { second: 20, hour: 10_000, month: 1 }, 'rate_limit', { requests_per_second: 20 }],
    [
      'cors',
      { origins: ['https://a.example.com'], credentials: true, max_age: 3600, exposed_headers: ['X-A'] },
      'cors',
      { origins: ['https://a.example.com'], allow_credentials: true, max_age: 3600, expose_headers: ['X-A'] },
    ],
    ['cors', { credentials: true }, 'cors', { origins: ['*'], allow_credentials: false }],
    ['ip-restriction', { allow: ['10.0.0.0/8'], blacklist: ['10.0.0.1'] }, 'ip_filter', { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] }],
    ['request-size-limiting', { allowed_payload_size: 10 }, 'request_size', { max_bytes: 10_485_760 }],
    [
      'request-transformer',
      { add: { headers: ['X-A:1', 'X-B:$(headers.x)'] }, remove: { headers: ['X-C'] }, rename: { headers: ['X-D:X-E'] } },
      'transform',
      { request: { headers: { set: { 'X-A': '1' }, remove: ['X-C'], rename: { 'X-D': 'X-E' } } } },
    ],
    [
      'request-transformer',
      { replace: { uri: '/internal/health' } },
      'transform',
      { request: { path: { add_prefix: '/internal/health' } } },
    ],
    ['response-transformer', { remove: { headers: ['Server'] } }, 'transform', { response: { headers: { remove: ['Server'] } } }],
  ])('turns %s %j into %s', (name, config, type, expected) => {
    const bare = service({ url: 'http://pay.internal:8080' });

    expect(specOf({ services: [bare], plugins: [{ name, config }] }, 'Policy')).toMatchObject({ policy_type: type, config: expected });
  });

  it('of several windows takes the shortest as the policy and the next one into the APIs, and tells of the others', () => {
    const rest = { services: [service()], plugins: [{ name: 'rate-limiting', config: { minute: 5, hour: 50, day: 500, limit_by: 'ip' } }] };

    expect(specOf(rest)).toMatchObject({ rate_limit: { requests_per_hour: 50 } });
    expect(toldOf(rest)).toContain('The limit by day is not imported');
    expect(toldOf(rest)).toContain('It counts by consumer');
  });

  it('never opens what was guarded: other ways to sign in become a key', () => {
    for (const name of ['key-auth', 'jwt', 'basic-auth', 'openid-connect']) {
      expect(specOf({ services: [service({ plugins: [{ name }] })] })).toMatchObject({ auth_required: true });
      expect(specOf({ services: [service({ plugins: [{ name, enabled: false }] })] })).toMatchObject({ auth_required: false });
    }
  });

  it('opens nothing where a guard was lost, and serves nothing that Kong answers by itself', () => {
    const guarded = { name: 'admin', paths: ['~/pay/admin/.+'], plugins: [{ name: 'key-auth' }] };
    const rest = { services: [service({ routes: [{ name: 'pay', paths: ['/pay'] }, guarded] })] };

    expect(specOf(rest)).toMatchObject({ auth_required: true });
    expect(toldOf(rest)).toContain('A plugin guards routes that were not imported');
    expect(specOf({ services: [service({ plugins: [{ name: 'acl' }] })] })).toMatchObject({ auth_required: true });
    expect(specOf({ services: [service({ plugins: [{ name: 'request-termination' }] })] })).toMatchObject({ activated: false });
  });

  it('takes no text for a variable of ours', () => {
    const rest = { services: [service()], consumers: [{ username: 'ann', custom_id: '${env:HOME}' }] };

    expect(specOf(rest, 'Consumer')).toMatchObject({ external_id: '$${env:HOME}' });
    expect(toldOf({ services: [service({ url: 'http://${env:HOST}' })] })).toContain('no http or https service');
  });

  it('imports consumers and shows no credential, in no form', () => {
    const rest = {
      services: [service()],
      consumers: [
        {
          username: 'Ann B.',
          custom_id: 'u-1',
          tags: ['gold'],
          keyauth_credentials: [{ key: CANARY }],
          jwt_secrets: [{ secret: CANARY }],
          acls: [{ group: 'g' }],
          plugins: [{ name: 'rate-limiting', config: { minute: 5 } }],
        },
        { username: 'ann b' },
      ],
      plugins: [
        { name: 'unknown', config: { secret: CANARY } },
        { name: 'request-transformer', config: { add: { headers: [`Authorization:${CANARY}`] } } },
      ],
    };
    const result = load(document(rest));

    expect(resourcesOf(rest, 'Consumer')).toMatchObject([
      { name: 'ann-b', spec: { display_name: 'Ann B.', external_id: 'u-1', consumer_metadata: { tags: ['gold'] } } },
      { name: 'ann-b-2', spec: { display_name: 'ann b' } },
    ]);
    expect(specOf(rest, 'Policy')).toMatchObject({ targets: [{ kind: 'Consumer', name: 'ann-b' }] });
    expect(JSON.stringify(result)).not.toContain(CANARY);
    expect(toldOf(rest)).toContain('skipped consumers[0] (Ann B.).keyauth_credentials[0]: Credentials are not carried over');
    expect(toldOf(rest)).toContain('skipped plugins[0] (unknown): The gateway has no such policy.');
  });

  it.each([
    [{ services: [{ name: 'grpc', url: 'grpc://x:1', routes: [{ paths: ['/g'] }] }] }, 'no http or https service'],
    [{ certificates: [{ cert: CANARY }] }, 'skipped certificates'],
    [{ services: [{ name: 'lonely', host: 'x' }] }, 'It has no routes'],
    [{ plugins: [{ name: 'cors', service: 'nobody' }], services: [service()] }, 'What it governs was not imported'],
  ])('%j: %s', (rest, message) => {
    expect(toldOf(rest)).toContain(message);
  });

  it.each([
    ['services: []', '"_format_version" is missing'],
    ['_format_version: "9.9"', '"9.9" is not known'],
    ['_format_version: [', 'not valid YAML'],
    ['_format_version: "3.0"\n---\nservices: []', 'expected a single document'],
  ])('%j cannot be imported: %s', (text, message) => {
    try {
      load(text);
      expect.fail('It was imported.');
    } catch (error) {
      expect((error as StoaError).diagnostics[0]?.message).toContain(message);
    }
  });

  it.each(['1.1', '2.1', '3.0', 3, 1.1])('reads version %s', (version) => {
    expect(load(dump({ _format_version: version, services: [service()] })).resources).toHaveLength(1);
  });

  it('never fails in another way, whatever the document holds', () => {
    const word = fc.constantFrom(
      'services',
      'routes',
      'plugins',
      'consumers',
      'upstreams',
      'targets',
      'name',
      'url',
      'host',
      'paths',
      'config',
      'service',
      'minute',
      'origins',
      'headers',
      'add',
      'keyauth_credentials',
      '__proto__',
      'constructor',
    );
    const leaf = fc.oneof(
      fc.constantFrom('http://a.example.com', '/a', 'key-auth', 'cors', 'rate-limiting', 'request-transformer', 'a:b', ''),
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(word, tie('tree'), { maxKeys: 6 })),
    }));
    fc.assert(
      fc.property(fc.dictionary(word, tree, { maxKeys: 6 }), (rest) => {
        try {
          const { items } = load(dump({ _format_version: '3.0', ...rest }, { noRefs: true }));
          expect(items.length).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(StoaError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
