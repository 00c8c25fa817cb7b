/** The console as people use it: in a browser, against a real control plane. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BROWSER_TIMEOUT, hasBrowser, openBrowser, signedInConsole } from '../../../test/helpers/browser.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';

let control: TestControlPlane;
beforeAll(async () => void (control = await openControlPlane()));
afterAll(() => control.close());

describe('the pages of the console', () => {
  it.each(['/console', '/link/x', '/console/console.css', '/console/main.js', '/console/link.js', '/console/chunk.js'])(
    '%s may load from and talk to its own server alone',
    async (url) => {
      const { status, headers, text } = await control.send(`GET ${url}`, undefined, { token: null });

      expect(status).toBe(200);
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
      expect(headers['cache-control']).toBe('no-store');
      expect(text).not.toMatch(/innerHTML|https?:\/\//);
    },
  );

  it('are reached from the root, and nothing else is served beside them', async () => {
    expect(await control.send('GET /', undefined, { token: null })).toMatchObject({ status: 302, headers: { location: '/console' } });
    for (const url of ['/console/none.js', '/console/..%2fpackage.json', '/console/main.ts', '/console/console.html'])
      expect((await control.send(`GET ${url}`, undefined, { token: null })).status).toBe(404);
  });
});

describe.skipIf(!hasBrowser)('the console in a browser (skipped where there is no chromium)', () => {
  let browser: Browser;
  let address: string;
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    const made = async (line: string, body: object) => {
      const answer = await control.send(line, body);
      expect(answer.status, answer.text).toBeLessThan(300);
      return answer.body;
    };
    await made('POST /v1/tenants', { name: 'acme' });
    await made('POST /v1/tenants/acme/apis', { name: 'pay', path: '/pay', upstream_url: 'https://pay.example.com' });
    const asking = async (consumer: string) => {
      await made('POST /v1/tenants/acme/consumers', { name: consumer, email: `${consumer}@example.com` });
      return made('POST /v1/tenants/acme/subscriptions', { api_id: 'pay', consumer_id: consumer });
    };
    const active = await asking('shop');
    ids['active'] = active.id;
    await made(`POST /v1/subscriptions/${active.id}/approve`, {});
    ids['waiting'] = (await asking('newcomer')).id;
    const policy = { name: 'slow', policy_type: 'rate_limit', config: { requests_per_minute: 9 } };
    ids['policy'] = (await made('POST /v1/tenants/acme/policies', policy)).id;
    browser = await openBrowser();
    address = await control.app.listen({ port: 0, host: '127.0.0.1' });
  }, BROWSER_TIMEOUT);
  afterAll(() => browser.close());

  const signedIn = () => signedInConsole(browser, address, /shop-pay/);

  it(
    'rotates a key: Subscriptions, find, Rotate Key, 24 hours, copy from the dialog, which forgets it (KY23 UI6)',
    { timeout: BROWSER_TIMEOUT },
    async () => {
      const { page, errors } = await signedIn();
      const before = (await control.send(`GET /v1/subscriptions/${ids['active'] ?? ''}`)).body;

      await page.getByRole('button', { name: 'Subscriptions' }).click();
      await page.getByLabel('Find').fill(before.api_key_prefix);
      await page.getByRole('button', { name: 'Rotate Key shop-pay' }).click();
      expect(await page.getByLabel('Grace period').inputValue()).toBe('24');
      await page.getByRole('button', { name: 'Rotate key', exact: true }).click();
      const key = await page.getByLabel('New API key').inputValue();
      await page.getByRole('button', { name: 'Copy', exact: true }).click();
      await page.getByText('Copied.').waitFor();
      const copied = await page.evaluate('navigator.clipboard.readText()');
      await page.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const after = (await control.send(`GET /v1/subscriptions/${ids['active'] ?? ''}`)).body;

      expect(key).toMatch(/^stoa_sk_[0-9a-z]{32}$/);
      expect(copied).toBe(key);
      expect(after).toMatchObject({
        api_key_prefix: key.slice(0, 12),
        has_previous_key: true,
        rotation_count: Number(before.rotation_count) + 1,
      });
      const hours = (Date.parse(String(after.previous_key_expires_at)) - control.cp.now()) / 3_600_000;
      expect(hours).toBeCloseTo(24, 1);
      expect(await page.content()).not.toContain(key.slice(12));
      expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, location.href])')).not.toContain(key.slice(12));
      expect(errors).toEqual([]);
    },
  );

  it('says why a rotation is refused, and hands the key on by a link that opens once (CN8)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page } = await signedIn();
    await page.getByRole('button', { name: 'Rotate Key shop-pay' }).click();
    await page.getByRole('button', { name: 'Rotate key', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'previous key' }).waitFor();

    await page.getByLabel('End the key of the last rotation now').check();
    await page.getByRole('button', { name: 'Rotate key', exact: true }).click();
    const key = await page.getByLabel('New API key').inputValue();
    await page.getByRole('button', { name: 'Make a one-time link' }).click();
    const link = await page.getByLabel('One-time link').inputValue();
    const stored = await control.cp.db.selectFrom('one_time_links').select('ciphertext').execute();

    const client = await (await browser.newContext()).newPage();
    await client.goto(link);
    await client.getByRole('button', { name: 'Show the key' }).click();
    const shown = await client.getByLabel('API key').inputValue();
    const again = await (await browser.newContext()).newPage();
    await again.goto(link);
    await again.getByRole('button', { name: 'Show the key' }).click();

    expect(link).toMatch(/\/link\/[\w-]{22}#[\w-]{43}$/);
    expect(Buffer.from(stored.at(-1)?.ciphertext ?? '', 'base64url').includes(key)).toBe(false);
    expect(shown).toBe(key);
    expect(client.url()).not.toContain('#');
    await again.getByRole('alert').filter({ hasText: 'opened' }).waitFor();
  });

  it('approves who waits, first in the list, and shows the key (UI5)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page } = await signedIn();

    expect(await page.getByRole('row').nth(1).textContent()).toContain('newcomer');
    await page.getByLabel('Status').selectOption('pending');
    await page.getByRole('row', { name: /shop-pay/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Approve newcomer-pay' }).click();
    await page.getByLabel('Requests a month').fill('50000');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    const key = await page.getByLabel('New API key').inputValue();

    const { body } = await control.send(`GET /v1/subscriptions/${ids['waiting'] ?? ''}`);
    expect(body).toMatchObject({ status: 'active', quota: 50_000, api_key_prefix: key.slice(0, 12) });
  });

  it('cuts a key off at once, and suspends, resumes and revokes, each after a question (KY13)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page } = await signedIn();
    const act = async (action: string, confirm = action): Promise<void> => {
      await page.getByRole('button', { name: `${action} shop-pay` }).click();
      await page.getByRole('dialog').getByRole('button', { name: confirm, exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    const status = async () => (await control.send(`GET /v1/subscriptions/${ids['active'] ?? ''}`)).body.status;

    await act('Keys', 'Cut off');
    const { body } = await control.send(`GET /v1/tenants/acme/apikeys?subscription_id=${ids['active'] ?? ''}`);
    expect(body.apikeys.some((key: { status: string }) => key.status === 'revoked')).toBe(true);
    await act('Suspend');
    expect(await status()).toBe('suspended');
    await act('Resume');
    expect(await status()).toBe('active');
    await page.getByRole('button', { name: 'Revoke shop-pay' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await status()).toBe('active');
    await act('Revoke');
    expect(await status()).toBe('revoked');
  });

  it('shows the policies of a tenant and changes their limits (UI7)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page } = await signedIn();

    await page.getByRole('button', { name: 'Policies' }).click();
    await page.getByRole('button', { name: 'Edit limits of slow' }).click();
    const field = page.getByRole('dialog').locator('input').first();
    const name = await field.getAttribute('name');
    await field.fill('200');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    const { body } = await control.send(`GET /v1/tenants/acme/policies/${ids['policy'] ?? ''}`);
    expect(body.config[name ?? '']).toBe(200);
  });

  it('refuses a wrong secret with the words of the issuer', { timeout: BROWSER_TIMEOUT }, async () => {
    const page = await browser.newPage();
    await page.goto(`${address}/console`);

    await page.getByLabel('Client id').fill('nobody');
    await page.getByLabel('Client secret').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();

    await page
      .getByRole('alert')
      .filter({ hasText: /client/i })
      .waitFor();
  });
});
