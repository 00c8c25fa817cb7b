import { describe, expect, it } from 'vitest';
import { baseUrl, resolveSettings, type ConfigFile } from './settings.js';

const file = {
  file: 'stoa.config.yaml',
  directory: '/repo',
  config: {
    project: 'shop',
    manifests: ['manifests/**'],
    default_environment: 'staging',
    environments: {
      staging: { server: 'https://staging.example.com/v1/' },
      production: { server: 'https://api.example.com', auth_server: 'https://auth.example.com', tenant: 'acme' },
    },
  },
} as unknown as ConfigFile;

describe('resolveSettings', () => {
  it('takes the default environment of stoa.config.yaml', () => {
    const settings = resolveSettings({}, {}, file);

    expect([settings.server, settings.authServer, settings.project, settings.environmentName]).toEqual([
      'https://staging.example.com',
      'https://staging.example.com',
      'shop',
      'staging',
    ]);
  });

  it.each([
    ['--server', { server: 'http://flag:1' }, { STOA_API_URL: 'http://env:2' }, file, 'http://flag:1'],
    ['STOA_API_URL', {}, { STOA_API_URL: 'http://env:2/v1' }, file, 'http://env:2'],
    ['environment production', { environment: 'production' }, {}, file, 'https://api.example.com'],
    ['default', {}, {}, undefined, 'http://127.0.0.1:8000'],
  ])('takes the server from %s before what stands behind it', (origin, flags, env, config, server) => {
    const settings = resolveSettings(flags, env, config);

    expect([settings.server, settings.origins['server']]).toEqual([server, origin]);
  });

  it('takes issuer and tenant of the environment', () => {
    const settings = resolveSettings({ environment: 'production' }, {}, file);

    expect([settings.authServer, settings.tenant]).toEqual(['https://auth.example.com', 'acme']);
  });

  it('names the environment that was probably meant', () => {
    expect(() => resolveSettings({ environment: 'produktion' }, {}, file)).toThrow(
      'There is no environment "produktion" in stoa.config.yaml.',
    );
  });

  it('takes a context last, and only for its own server: what opens one is never sent to another', () => {
    const chosen = {
      name: 'prod',
      context: {
        server: 'https://api.example.com/v1',
        client_id: 'me',
        client_secret: 'canary',
        token: 'canary',
        gateway: 'https://gw',
        tenant: 'acme',
      },
    };
    const seen = (flags: object, env: Record<string, string>, config?: ConfigFile) => {
      const { server, clientId, clientSecret, token, tenant, origins } = resolveSettings(flags, env, config, chosen);
      return [server, clientId, clientSecret, token, tenant, origins['server']];
    };
    const own = ['me', 'canary', 'canary', 'acme'];
    const none = ['control-plane-api', undefined, undefined, undefined];

    expect(seen({}, {})).toEqual(['https://api.example.com', ...own, 'context prod']);
    expect(seen({}, {}, file)).toEqual(['https://staging.example.com', ...none, 'environment staging']);
    expect(seen({ context: 'prod' }, { STOA_API_URL: 'http://other' }, file)).toEqual(['https://api.example.com', ...own, 'context prod']);
    expect(seen({ server: 'http://other' }, {})).toEqual(['http://other', ...none, '--server']);
    expect(seen({}, { STOA_AUTH_URL: 'http://other' }).slice(1, 4)).toEqual(none.slice(0, 3));
    expect(seen({}, { STOA_TOKEN: 'mine' }).slice(1, 4)).toEqual(['control-plane-api', undefined, 'mine']);
    expect(seen({}, { STOA_CLIENT_SECRET: 'mine' }).slice(1, 4)).toEqual(['control-plane-api', 'mine', undefined]);
  });

  it.each(['never', '10', '-5s'])('refuses %s as a timeout', (timeout) => {
    expect(() => resolveSettings({ timeout }, {}, undefined)).toThrow(`"${timeout}" is not a duration`);
  });
});

describe('baseUrl', () => {
  it.each([
    ['https://api.example.com/v1', 'https://api.example.com'],
    ['https://api.example.com/', 'https://api.example.com'],
    ['http://127.0.0.1:8000/stoa/v1/', 'http://127.0.0.1:8000/stoa'],
  ])('reads %s', (text, expected) => {
    expect(baseUrl(text, 'test')).toBe(expected);
  });

  it.each(['api.example.com', 'ftp://example.com', ''])('refuses "%s"', (text) => {
    expect(() => baseUrl(text, 'STOA_API_URL')).toThrow('STOA_API_URL');
  });
});
