import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings as readControlPlane } from './control-plane/settings.js';
import { readSettings as readGateway } from './data-plane/settings.js';
import { weaknessOf } from './process-settings.js';

const GOOD = randomBytes(32).toString('hex');
const OPEN = ['--host', '0.0.0.0'];
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-secrets-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(path.join(directory, name), text);
  return path.join(directory, name);
}

describe('a secret from a file', () => {
  it('is what the file holds, without the end of the line', () => {
    const env = { STOA_ADMIN_TOKEN_FILE: file('admin', `${GOOD}\n`) };

    expect(readGateway([], env).adminToken).toBe(GOOD);
    expect(readControlPlane([], { STOA_CLIENT_SECRET_FILE: env.STOA_ADMIN_TOKEN_FILE }).clientSecret).toBe(GOOD);
  });

  it('that is missing, empty or given twice stops the start and is named', () => {
    const gone = path.join(directory, 'gone');

    expect(() => readGateway([], { STOA_ADMIN_TOKEN_FILE: gone })).toThrow(
      `STOA_ADMIN_TOKEN_FILE names ${gone}, which cannot be read: ENOENT.`,
    );
    expect(() => readGateway([], { STOA_GATEWAY_TOKEN_FILE: file('empty', ' \n') })).toThrow('which is empty');
    expect(() => readGateway([], { STOA_ADMIN_TOKEN: GOOD, STOA_ADMIN_TOKEN_FILE: gone })).toThrow('are both set');
  });
});

describe.each([
  ['the gateway', readGateway],
  ['the control plane', readControlPlane],
])('the log of %s (LG13)', (_name, read) => {
  it('is as it is set, in any case of letters, the name of the product first', () => {
    const of = (env: Record<string, string>) => [read([], env).logLevel, read([], env).logFormat];

    expect(of({})).toEqual(['info', 'json']);
    expect(of({ LOG_LEVEL: 'WARN', STOA_LOG_LEVEL: '', LOG_FORMAT: 'text' })).toEqual(['warn', 'text']);
    expect(of({ LOG_LEVEL: 'warn', STOA_LOG_LEVEL: 'debug', LOG_FORMAT: '' })).toEqual(['debug', 'json']);
  });

  it('knows the names that other loggers have for levels', () => {
    expect(['trace', 'WARNING', 'silent'].map((level) => read([], { LOG_LEVEL: level }).logLevel)).toEqual(['debug', 'warn', 'error']);
  });

  it('is not guessed from what is no level and no form', () => {
    expect(() => read([], { LOG_LEVEL: 'bogus' })).toThrow('LOG_LEVEL is "bogus", which is none of debug, info, warn, error.');
    expect(() => read([], { LOG_LEVEL: 'info', STOA_LOG_LEVEL: 'loud' })).toThrow('STOA_LOG_LEVEL is "loud"');
    expect(() => read([], { LOG_FORMAT: 'xml' })).toThrow('LOG_FORMAT is "xml", which is none of json, text.');
  });
});

describe('production', () => {
  it('is where another machine can reach the server, or where somebody says so', () => {
    const env = { STOA_CLIENT_SECRET: GOOD };

    expect(readGateway([], {}).mode).toBe('development');
    expect(readGateway(OPEN, {}).mode).toBe('production');
    expect(readGateway(['--host', '127.0.0.1.example.com'], {}).mode).toBe('production');
    expect(readGateway(['--mode', 'production'], {}).mode).toBe('production');
    expect(readControlPlane(OPEN, env).mode).toBe('production');
    expect(readControlPlane([], { ...env, STOA_MODE: 'production' }).mode).toBe('production');
    expect(readControlPlane([...OPEN, '--mode', 'development'], {}).mode).toBe('development');
    expect(() => readControlPlane(['--mode', 'prod'], {})).toThrow('--mode is production or development; "prod" is neither.');
  });

  it.each(['changeme', 'test-admin-token', 'a'.repeat(64), 'this-is-the-secret-of-our-gateway', 'Password-Password-Password'])(
    'refuses the secret "%s" and does not repeat it',
    (secret) => {
      const starts = [
        () => readGateway(OPEN, { STOA_ADMIN_TOKEN: secret }),
        () => readGateway(OPEN, { STOA_GATEWAY_TOKEN: secret }),
        () => readGateway(OPEN, { STOA_METRICS_TOKEN: secret }),
        () => readControlPlane(OPEN, { STOA_CLIENT_SECRET: secret }),
        () => readControlPlane(OPEN, { STOA_CLIENT_SECRET: GOOD, STOA_GATEWAY_TOKEN: secret }),
      ];

      for (const start of starts) expect(start).toThrow(/is not safe in production: it (is shorter|has fewer|holds a word)/);
      for (const start of starts) expect(start).not.toThrow(secret);
    },
  );

  it('takes what a generator makes', () => {
    for (let n = 0; n < 1000; n += 1) {
      expect(weaknessOf(randomBytes(32).toString('hex'))).toBeUndefined();
      expect(weaknessOf(randomBytes(24).toString('base64url'))).toBeUndefined();
    }
  });

  it('does not print a secret of its own making into a log: it wants one', () => {
    expect(() => readControlPlane(OPEN, {})).toThrow('STOA_CLIENT_SECRET is needed in production');
    const external = ['--oidc-issuer', 'https://id.example.com', '--oidc-audience', 'stoa', '--no-embedded-issuer'];
    expect(readControlPlane([...OPEN, ...external], {}).hasEmbeddedIssuer).toBe(false);
  });

  it('refuses addresses where keys, tokens or secrets would travel without TLS', () => {
    const env = { STOA_CLIENT_SECRET: GOOD };
    const issuer = ['--oidc-issuer', 'http://127.0.0.1:8080/realms/stoa', '--oidc-audience', 'stoa'];

    expect(() => readControlPlane([...OPEN, ...issuer], env)).toThrow('its keys would come without TLS');
    expect(readControlPlane(issuer, env).oidcIssuers).toEqual(['http://127.0.0.1:8080/realms/stoa']);
    expect(() => readControlPlane([...OPEN, '--public-url', 'http://control.example.com'], env)).toThrow('tokens would travel without TLS');
    expect(readControlPlane([...OPEN, '--public-url', 'http://localhost:8000'], env).publicUrl).toBe('http://localhost:8000');
    const follow = ['--control-plane-url', 'http://control-plane-api:8000'];
    expect(() => readGateway([...OPEN, ...follow], { STOA_CLIENT_ID: 'control-plane-api', ...env })).toThrow('without TLS');
    expect(readGateway([...OPEN, ...follow], { STOA_GATEWAY_TOKEN: GOOD }).controlPlaneUrl).toBe('http://control-plane-api:8000');
  });

  it('refuses to run where certificates are not checked', () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', STOA_CLIENT_SECRET: GOOD };

    expect(() => readGateway(OPEN, env)).toThrow('no certificate would be checked');
    expect(() => readControlPlane(OPEN, env)).toThrow('no certificate would be checked');
  });
});

it('a container is one that others reach: one that only itself reaches, as with stoactl dev, holds its upstreams too (DP29)', () => {
  const kubernetes = { STOA_CLIENT_SECRET: GOOD, KUBERNETES_SERVICE_HOST: '10.0.0.1' };

  expect(readControlPlane(OPEN, kubernetes).isInContainer).toBe(true);
  expect(readControlPlane([], kubernetes).isInContainer).toBe(false);
});
