/** Signing in by device (row CL14) against an issuer over HTTP. The pauses are not waited for: the clock goes on by them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addDeviceEndpoints, type DeviceEndpoints } from '../../test/helpers/device-endpoints.js';
import { startIssuer, type TestIssuer } from '../../test/helpers/oidc-issuer.js';
import { discover, type Tokens } from '../openid.js';
import { signInByDevice, type DevicePrompt } from './device-login.js';

let issuer: TestIssuer;
let now = 0;
let pauses: number[];
let prompts: DevicePrompt[];
beforeEach(async () => {
  now = 1_000_000_000_000;
  pauses = [];
  prompts = [];
  issuer = await startIssuer(() => now);
});
afterEach(() => issuer.close());

async function signIn(clientId = 'stoactl'): Promise<Tokens> {
  const options = { authServer: new URL(issuer.url).origin, realm: 'shop', timeoutMs: 2000, now: () => now };
  return signInByDevice(await discover(options), {
    ...options,
    clientId,
    show: (prompt) => void prompts.push(prompt),
    sleep: (ms) => {
      pauses.push(ms);
      now += ms;
      return Promise.resolve();
    },
  });
}

const seconds = (): number[] => pauses.map((ms) => ms / 1000);
const offered = (options?: Parameters<typeof addDeviceEndpoints>[1]): DeviceEndpoints => addDeviceEndpoints(issuer, options);

describe('signing in by device (CL14)', () => {
  it('shows address and code, asks until it is approved, and gives access and refresh token', async () => {
    const device = offered({ interval: 2 });
    device.polls = ['authorization_pending', 'authorization_pending'];

    const tokens = await signIn();

    expect(prompts).toEqual([
      {
        verificationUri: 'https://id.example.com/device',
        verificationUriComplete: 'https://id.example.com/device?user_code=WDJB-MJHT',
        userCode: 'WDJB-MJHT',
        expiresSeconds: 600,
      },
    ]);
    expect(seconds()).toEqual([2, 2, 2]);
    expect(device.forms[0]?.get('scope')).toBe('openid offline_access');
    expect(tokens).toEqual({ accessToken: device.secrets[2], refreshToken: device.secrets[1], expiresAt: now + 300_000 });
  });

  it('asks every 5 s without an interval, and 5 s less often from each slow_down on (RFC 8628, section 3.5)', async () => {
    offered().polls = ['slow_down', 'authorization_pending', 'slow_down'];

    await signIn();

    expect(seconds()).toEqual([5, 10, 10, 15]);
  });

  it('asks half as often after each answer that fails, and goes on', async () => {
    offered({ interval: 1 }).polls = [500, 500, 'authorization_pending'];

    await signIn();

    expect(seconds()).toEqual([1, 2, 4, 4]);
  });

  it.each([
    ['access_denied', /was denied at/],
    ['expired_token', /has expired before it was approved/],
    ['invalid_grant', /refused the sign-in: invalid_grant/],
  ])('ends with %s, without the words of the issuer', async (code, message) => {
    const device = offered({ interval: 1 });
    device.polls = ['authorization_pending', code];

    const failure = await signIn().catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'unauthorized', message: expect.stringMatching(message) as string });
    expect(String(failure)).not.toContain('canary');
    expect(device.forms).toHaveLength(3);
  });

  it('asks no longer than the code is good, whatever the issuer says', async () => {
    offered({ interval: 2, expiresIn: 9 }).polls = Array<string>(100).fill('authorization_pending');

    await expect(signIn()).rejects.toMatchObject({ code: 'unauthorized', message: expect.stringContaining('has expired') as string });
    expect(seconds()).toEqual([2, 2, 2, 2]);
  });

  it('says so when the issuer has no such sign-in, or does not know the client', async () => {
    issuer.discovery = { token_endpoint: `${issuer.url}/token` };
    await expect(signIn()).rejects.toMatchObject({
      code: 'usage_error',
      message: expect.stringContaining('offers no sign-in by device') as string,
    });

    offered();
    await expect(signIn('other')).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('"other" no code: invalid_client') as string,
    });
  });

  it.each([
    ['names another issuer', { issuer: 'https://evil.example.com' }],
    ['sends codes over plain http', { device_authorization_endpoint: 'http://id.example.com/device' }],
    ['gives tokens over plain http', { token_endpoint: 'http://id.example.com/token' }],
  ])('asks nothing of an issuer that %s', async (_what, wrong) => {
    const device = offered();
    issuer.discovery = { ...issuer.discovery, ...wrong };

    await expect(signIn()).rejects.toMatchObject({ code: 'network_error' });
    expect(device.forms).toEqual([]);
  });
});
