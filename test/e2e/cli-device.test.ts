/** `stoactl login --device` with a control plane that trusts the issuer: from the code to calls with tokens that renew themselves (row CL14). */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { json } from '../helpers/cli-case.js';
import { openControlPlane, type TestControlPlane } from '../helpers/control-plane.js';
import { addDeviceEndpoints, type DeviceEndpoints } from '../helpers/device-endpoints.js';
import { runInProcess } from '../helpers/in-process.js';
import { AUDIENCE, startIssuer, type TestIssuer } from '../helpers/oidc-issuer.js';
import { cleanEnv, ROOT, type CommandResult } from '../helpers/stack.js';

let issuer: TestIssuer;
let device: DeviceEndpoints;
let control: TestControlPlane;
let server: string;
let home: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'stoactl-device-'));
  issuer = await startIssuer(Date.now);
  device = addDeviceEndpoints(issuer, { interval: 1 });
  control = await openControlPlane({ oidc: { issuer: issuer.url, audience: AUDIENCE } });
  server = await control.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  await control.close();
  await issuer.close();
  rmSync(home, { recursive: true, force: true });
});

const env = () => ({
  HOME: home,
  XDG_CONFIG_HOME: '',
  STOA_API_URL: server,
  STOA_AUTH_URL: new URL(issuer.url).origin,
  STOA_REALM: 'shop',
});
const file = (): string => join(home, '.config/stoa/config.yaml');

/** Runs stoactl; no output ever shows a secret of the issuer. */
async function run(...args: string[]): Promise<CommandResult> {
  const result = await runInProcess(args, { cwd: home, env: env() });
  for (const secret of device.secrets) expect(result.stdout + result.stderr).not.toContain(secret);
  return result;
}

describe('login --device (CL14)', () => {
  it('shows where to approve, says who is signed in, keeps the tokens for their owner alone and renews them', async () => {
    device.polls = ['authorization_pending'];
    device.tokenSeconds = 5;

    const signedIn = await run('login', '--device', '--quiet');
    const first = readFileSync(file(), 'utf8');
    const tenants = await run('get', 'tenants', '-o', 'json');
    const shown = await run('context', 'show', '--origin');
    const list = await run('context', 'list', '-o', 'json');

    expect(signedIn.stderr).toMatch(/open https:\/\/id\.example\.com\/device\nand enter +WDJB-MJHT\n/);
    expect(signedIn, signedIn.stderr).toMatchObject({
      exitCode: 0,
      stdout: `Signed in to ${server} as ann, as context default, with the device code in ${file()}.\n`,
    });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(tenants, tenants.stderr).toMatchObject({ exitCode: 0 });
    // Five seconds are within the time before its end in which a token is renewed.
    expect(readFileSync(file(), 'utf8')).not.toBe(first);
    expect(shown.stdout).toMatch(/^user +ann +context default$/m);
    expect(shown.stdout).toMatch(/^token +\[secret\] +context default$/m);
    expect(json(list.stdout)).toMatchObject({ contexts: [{ name: 'default', client_id: 'stoactl', signs_in_with: 'device code' }] });
    expect(list.stdout).not.toContain('refresh_token');
  });

  it('says to sign in again when the sign-in is over, with exit code 3', async () => {
    device.tokenSeconds = 5;
    await run('login', '--device');
    device.revoke();

    const refused = await run('get', 'tenants');

    expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('Sign in again: stoactl login --device.') as string });
  });

  it.each([
    ['denied', 3, 'was denied at', () => void (device.polls = ['access_denied'])],
    ['not known to the issuer', 64, 'offers no sign-in by device', () => void delete issuer.discovery['device_authorization_endpoint']],
    [
      'no good at the control plane',
      3,
      'names no tenant',
      () =>
        void (issuer.token = (
          (make) => () =>
            make({ claims: { realm_access: { roles: [] } } })
        )(issuer.token)),
    ],
  ])('keeps nothing of a sign-in that is %s', async (_what, exitCode, words, prepare) => {
    prepare();

    const result = await run('login', '--device');

    expect(result).toMatchObject({ exitCode, stderr: expect.stringContaining(words) as string });
    expect(existsSync(file())).toBe(false);
  });

  it('ends on Ctrl-C with 130, and keeps nothing', async () => {
    device.polls = Array<string>(100).fill('authorization_pending');
    const child = spawn(process.execPath, [join(ROOT, 'bin/stoactl.js'), 'login', '--device'], {
      cwd: home,
      env: { ...cleanEnv(), ...env() },
    });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (chunk.includes('WDJB-MJHT')) child.kill('SIGINT');
    });

    const exitCode = await new Promise((resolve) => child.once('close', resolve));

    expect([exitCode, text]).toEqual([130, expect.stringContaining('Nothing was kept.')]);
    expect(existsSync(file())).toBe(false);
  });
});
