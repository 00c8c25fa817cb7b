/** Tokens of a person in the user's configuration: renewed by themselves, each refresh token used once (row CL14). */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDeviceEndpoints, type DeviceEndpoints } from '../test/helpers/device-endpoints.js';
import { startIssuer, type TestIssuer } from '../test/helpers/oidc-issuer.js';
import { keptTokens, tokenFields } from './kept-tokens.js';
import { signInByDevice } from './operations/device-login.js';
import { discover } from './openid.js';
import type { TokenSource } from './session.js';
import { readUserConfig, writeContext, type Context } from './user-config.js';

let issuer: TestIssuer;
let device: DeviceEndpoints;
let home: string;
let now = 0;
beforeEach(async () => {
  now = 1_000_000_000_000;
  home = mkdtempSync(join(tmpdir(), 'stoa-kept-'));
  issuer = await startIssuer(() => now);
  device = addDeviceEndpoints(issuer, { interval: 1 });
  const tokens = await signInByDevice(await discover(options()), { ...options(), show: () => undefined, sleep: () => Promise.resolve() });
  writeContext(env(), 'prod', { server: 'https://api.example.com', ...tokenFields(tokens) }, true);
});
afterEach(async () => {
  await issuer.close();
  rmSync(home, { recursive: true, force: true });
});

const env = () => ({ HOME: home });
const options = () => ({ authServer: new URL(issuer.url).origin, realm: 'shop', clientId: 'stoactl', timeoutMs: 2000, now: () => now });
/** As a process of its own would have it: nothing but the file is shared. */
const source = (): TokenSource => keptTokens({ ...options(), env: env(), context: 'prod' });
const kept = (): Context => readUserConfig(env()).contexts['prod'] ?? { server: '' };
const refreshes = (): number => device.forms.filter((form) => form.get('grant_type') === 'refresh_token').length;
const file = (): string => join(home, '.config/stoa/config.yaml');

describe('kept tokens (CL14)', () => {
  it('are used until shortly before they end, then renewed, and the new refresh token is kept for the owner alone', async () => {
    const { token, refresh_token } = kept();

    expect(await source().get()).toBe(token);
    now += 289_000;
    expect(await source().get()).toBe(token);
    now += 2000;
    const renewed = await source().get();

    expect(renewed).not.toBe(token);
    expect(kept()).toMatchObject({ token: renewed, token_expires_at: new Date(now + 300_000).toISOString() });
    expect(kept().refresh_token).not.toBe(refresh_token);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    now += 300_000;
    expect(await source().get()).not.toBe(renewed);
  });

  it('are renewed by one of several that need them at once: no refresh token is used twice', async () => {
    now += 300_000;

    const all = await Promise.all(Array.from({ length: 8 }, () => source().get()));

    expect(new Set(all).size).toBe(1);
    expect(refreshes()).toBe(1);
    now += 300_000;
    await source().get();
    expect(refreshes()).toBe(2);
  });

  it('are renewed once when the server refuses one that has not ended', async () => {
    const tokens = source();
    const first = await tokens.get();

    expect(tokens.forget()).toBe(true);
    expect(await tokens.get()).not.toBe(first);
    expect(await tokens.get()).toBe(kept().token);
    expect(refreshes()).toBe(1);
  });

  it('go on with the old refresh token when the issuer gives no new one', async () => {
    const { refresh_token } = kept();
    issuer.posts = { token: () => ({ status: 200, body: { access_token: 'again', expires_in: 300 } }) };
    now += 300_000;

    expect(await source().get()).toBe('again');
    expect(kept()).toMatchObject({ token: 'again', refresh_token });
  });

  it('that the issuer takes back say to sign in again, and show no secret', async () => {
    device.revoke();
    now += 300_000;

    const failure = await source()
      .get()
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'unauthorized',
      message: `The sign-in of context "prod" at ${issuer.url} is over: invalid_grant.`,
      hint: 'Sign in again: stoactl login --device.',
    });
    for (const secret of device.secrets) expect(JSON.stringify(failure)).not.toContain(secret);
    expect(readdirSync(join(home, '.config/stoa'))).toEqual(['config.yaml']);
  });

  it('stay as they are while the issuer is away', async () => {
    const before = readFileSync(file(), 'utf8');
    issuer.answer = (_path, res) => Boolean(res.writeHead(500).end());
    now += 300_000;

    await expect(source().get()).rejects.toMatchObject({ code: 'network_error' });
    issuer.answer = undefined;

    expect(readFileSync(file(), 'utf8')).toBe(before);
    await source().get();
    expect(refreshes()).toBe(1);
  });

  it('leave a newer sign-in alone that came while they were renewed', async () => {
    now += 300_000;
    const { token } = issuer.posts;
    issuer.posts['token'] = (form) => {
      writeContext(env(), 'prod', { token: 'newer', refresh_token: 'newer' }, false);
      return token?.(form) ?? { status: 500, body: {} };
    };

    await source().get();

    expect(kept()).toMatchObject({ token: 'newer', refresh_token: 'newer' });
  });

  it('are not held up for good by a process that died with the lock', async () => {
    writeFileSync(`${file()}.renew`, '');
    utimesSync(`${file()}.renew`, new Date(Date.now() - 120_000), new Date(Date.now() - 120_000));
    now += 300_000;

    await source().get();

    expect(refreshes()).toBe(1);
    expect(readdirSync(join(home, '.config/stoa'))).toEqual(['config.yaml']);
  });
});
