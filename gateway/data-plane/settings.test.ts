import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.js';

describe('settings', () => {
  it('has defaults that fit the local stack', () => {
    expect(readSettings([], {})).toMatchObject({
      host: '127.0.0.1',
      port: 3001,
      controlPlaneUrl: undefined,
      adminToken: undefined,
      client: undefined,
      trustedProxies: [],
      allowPrivateUpstreams: true,
      logLevel: 'info',
      logFormat: 'json',
    });
  });

  it('lets a flag go before the environment (LG13)', () => {
    const env = {
      STOA_GATEWAY_PORT: '1',
      STOA_GATEWAY_HOST: '0.0.0.0',
      STOA_CONTROL_PLANE_URL: 'http://a',
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'text',
    };

    expect(readSettings(['--port', '2', '--control-plane-url', 'http://b/v1/'], env)).toMatchObject({
      host: '0.0.0.0',
      port: 2,
      controlPlaneUrl: 'http://b',
      logLevel: 'warn',
      logFormat: 'text',
    });
    expect(readSettings([], { ...env, STOA_LOG_LEVEL: 'error' }).logLevel).toBe('error');
  });

  it('offers APIs to MCP clients until it is told not to, and to pages of this machine on loopback only (DP24)', () => {
    expect(readSettings([], {}).mcp).toEqual({
      origins: { origins: [], allowLocal: true },
      limits: { perKey: 100, ttlMs: 86_400_000, idleMs: 1_800_000 },
    });
    expect(readSettings(['--host', '0.0.0.0', '--mcp-origins', 'https://a.example, https://b.example:8443/'], {}).mcp?.origins).toEqual({
      origins: ['https://a.example', 'https://b.example:8443'],
      allowLocal: false,
    });
    expect(readSettings([], { STOA_MCP: 'false' }).mcp).toBeUndefined();
    expect(readSettings(['--mcp', 'true'], { STOA_MCP: 'false', STOA_MCP_SESSIONS_PER_KEY: '2' }).mcp?.limits?.perKey).toBe(2);
  });

  it.each([
    ['--mcp', 'yes', '--mcp is true or false; "yes" is neither.'],
    ['--mcp-origins', 'a.example', '--mcp-origins takes origins such as https://app.example.com; "a.example" is none.'],
    ['--mcp-origins', 'https://a.example/path', '"https://a.example/path" is none.'],
    ['--mcp-sessions-per-key', '0', '--mcp-sessions-per-key is a number from 1 to 10000; "0" is none.'],
    ['--mcp-session-idle', '1h', '--mcp-session-idle is a number from 1 to 2592000; "1h" is none.'],
  ])('refuses %s %s', (flag, value, message) => {
    expect(() => readSettings([flag, value], {})).toThrow(message);
  });

  it('takes the PROXY protocol from trusted proxies only', () => {
    const args = ['--trusted-proxies', '10.0.0.0/8'];
    expect(readSettings([...args, '--proxy-protocol', 'true'], {}).proxyProtocol).toBe(true);
    expect(readSettings(args, { STOA_PROXY_PROTOCOL: 'true' }).proxyProtocol).toBe(true);
    expect(readSettings(args, {}).proxyProtocol).toBe(false);
    expect(() => readSettings(['--proxy-protocol', 'true'], {})).toThrow('--proxy-protocol needs --trusted-proxies');
    expect(() => readSettings([...args, '--proxy-protocol', 'yes'], {})).toThrow('--proxy-protocol is true or false; "yes" is neither.');
  });

  it('allows private upstreams only on loopback, or where the operator says so', () => {
    expect(readSettings(['--host', '0.0.0.0'], {}).allowPrivateUpstreams).toBe(false);
    expect(readSettings(['--host', '0.0.0.0', '--allow-private-upstreams', 'true'], {}).allowPrivateUpstreams).toBe(true);
    expect(readSettings([], { STOA_ALLOW_PRIVATE_UPSTREAMS: 'false' }).allowPrivateUpstreams).toBe(false);
  });

  it('reads a list of trusted proxies with spaces in it', () => {
    const { trustedProxies } = readSettings([], { STOA_TRUSTED_PROXIES: '10.0.0.1, fd00::/8, ' });

    expect(trustedProxies).toEqual(['10.0.0.1', 'fd00::/8']);
  });

  it('pairs certificates with keys, and asks clients for theirs once it knows who signs them', () => {
    const files = ['--tls-cert', 'a.crt, b.crt', '--tls-key', 'a.key,b.key'];
    const certificates = [
      { cert: 'a.crt', key: 'a.key' },
      { cert: 'b.crt', key: 'b.key' },
    ];

    expect(readSettings(files, {})).toMatchObject({ tls: { certificates, clientCa: undefined }, clientCertificates: 'off' });
    expect(readSettings([...files, '--client-ca', 'ca.crt'], {})).toMatchObject({
      tls: { certificates, clientCa: 'ca.crt' },
      clientCertificates: 'optional',
    });
    expect(readSettings([], { STOA_TRUSTED_PROXIES: '10.0.0.1', STOA_CLIENT_CERTIFICATES: 'required' })).toMatchObject({
      tls: undefined,
      clientCertificates: 'required',
    });
  });

  it('takes empty variables for absent ones, and half a client for none', () => {
    expect(readSettings([], { STOA_ADMIN_TOKEN: '', STOA_CLIENT_ID: 'a', STOA_CLIENT_SECRET: '' })).toMatchObject({
      adminToken: undefined,
      client: undefined,
    });
  });

  it.each([
    [['--port', 'x'], '"x"'],
    [['--port', '70000'], '70000'],
    [['--control-plane-url', 'nowhere'], 'nowhere'],
    [['--allow-private-upstreams', 'perhaps'], 'perhaps'],
    [['--trusted-proxies', '10.0.0.1, proxy.example.com'], 'proxy.example.com'],
    [['--trusted-proxies', '10.0.0.0/33'], '10.0.0.0/33'],
    [['--trusted-proxies', '10.0.0.0/'], '10.0.0.0/'],
    [['--tls-cert', 'a.crt'], '--tls-cert names 1 files and --tls-key 0'],
    [['--client-ca', 'ca.crt'], '--client-ca needs --tls-cert'],
    [['--client-certificates', 'perhaps'], '"perhaps"'],
    [['--client-certificates', 'required'], 'nobody to learn'],
    [['--colour'], '--colour'],
    [['word'], 'word'],
  ])('refuses %j with a sentence', (args, named) => {
    expect(() => readSettings(args, {})).toThrow(named);
  });
});

it('takes a number of workers, or one for each core; MCP clients keep no sessions with them (DP24)', () => {
  expect(readSettings([], {}).workers).toBe(1);
  expect(readSettings(['--workers', '4'], {})).toMatchObject({ workers: 4, mcp: { limits: undefined, origins: { allowLocal: true } } });
  expect(readSettings(['--workers', '4', '--mcp', 'false'], {}).mcp).toBeUndefined();
  expect(readSettings([], { STOA_WORKERS: 'auto' }).workers).toBeGreaterThanOrEqual(1);
  for (const text of ['0', '129', 'two', '1.5'])
    expect(() => readSettings(['--workers', text], {})).toThrow(`--workers takes a number from 1 to 128, or auto; "${text}" is neither.`);
});
