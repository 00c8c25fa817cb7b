/** The portal as people use it: in a browser, against a real control plane, with its owner at the console. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BROWSER_TIMEOUT, hasBrowser, newPage, openBrowser, signedInConsole } from '../../../test/helpers/browser.js';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { registered } from '../../../test/helpers/portal-visitor.js';

let server: TestServer;
beforeAll(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme', display_name: 'Acme Inc.' });
  const api = { name: 'payments', display_name: 'Payments', description: 'Takes payments.', path: '/payments', version: 'v1' };
  await server.ok('POST', '/v1/tenants/acme/apis', { ...api, upstream_url: 'https://up.example.com' });
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'starter', rate_limit: { requests_per_minute: 60 }, quota: { monthly: 1000 } });
  await server.ok('POST', '/v1/tenants/acme/plans', { name: 'gold', display_name: 'Gold', rate_limit: { requests_per_minute: 600 } });
});
afterAll(() => server.close());

it.each(['/portal/acme', '/portal-files/portal.css', '/portal-files/main.js'])(
  '%s may load from and talk to its own server alone',
  async (url) => {
    const { status, headers, text } = await server.plane.send(`GET ${url}`, undefined, { token: null });

    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
    expect(headers['cache-control']).toBe('no-store');
    expect(text).not.toMatch(/innerHTML|https?:\/\//);
  },
);

describe.skipIf(!hasBrowser)('the portal in a browser (skipped where there is no chromium)', () => {
  let browser: Browser;
  let address: string;
  beforeAll(async () => {
    browser = await openBrowser();
    address = (await server.plane.app.listen({ port: 0, host: '127.0.0.1' })).replace(/\/$/, '');
  }, BROWSER_TIMEOUT);
  afterAll(() => browser.close());

  it('leads from Request Access to a key that is shown once and then masked (UI1 UI2 UI3 UI4)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page, errors } = await newPage(browser);
    await page.goto(`${address}/portal`);
    await page.getByRole('button', { name: 'Request Access' }).click();
    await page.getByLabel('Name').fill('Jane <b>Doe</b>');
    await page.getByLabel('E-mail').fill('jane@example.com');
    await page.getByRole('button', { name: 'Request access', exact: true }).click();
    const link = await page.getByRole('textbox', { name: 'Sign-in link' }).inputValue();
    await page.getByRole('button', { name: 'Close' }).click();

    await page.getByText('Takes payments.').waitFor();
    await page.getByRole('button', { name: 'Subscribe to Payments' }).click();
    await page.getByLabel('Plan').selectOption('starter');
    await page.getByText('60 requests a minute; 1,000 a month').waitFor();
    await page.getByLabel('What will call it').fill('mobile-app');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.getByText('waits for approval', { exact: true }).waitFor();

    const owner = await signedInConsole(browser, address, /jane@example\.com/);
    await owner.page.getByRole('button', { name: /^Approve/ }).click();
    await owner.page.getByRole('button', { name: 'Approve', exact: true }).click();
    const approved = await owner.page.getByLabel('New API key').inputValue();

    const other = await newPage(browser);
    await other.page.goto(link);
    await other.page.getByText('Your key can be seen in the browser in which you subscribed.').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Show key: Payments' }).click();
    await page.getByRole('button', { name: 'Show it' }).click();
    const key = await page.getByLabel('API key').inputValue();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor();
    const copied = await page.evaluate('navigator.clipboard.readText()');
    await page.reload();
    await page.getByText(`Key: ${key.slice(0, 12)}…`).waitFor();

    const [{ id }] = (await server.ok('GET', '/v1/tenants/acme/subscriptions')).subscriptions;
    expect([key, copied]).toEqual([approved, approved]);
    expect(await server.validKeys(id, [key])).toEqual([key]);
    expect(await page.getByRole('button', { name: 'Show key: Payments' }).count()).toBe(0);
    expect(await page.content()).not.toContain(key.slice(12));
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, location.href, document.cookie])')).not.toMatch(/stoa_/);
    expect([...errors, ...other.errors].filter((text) => !text.includes('401'))).toEqual([]);
  });

  it(
    'asks before a foreign link takes the place of a session, and passes over any other part of an address',
    { timeout: BROWSER_TIMEOUT },
    async () => {
      const { page, errors } = await newPage(browser);
      const [jane, eve] = [await registered(server, 'Jane'), await registered(server, 'Eve')];
      await page.goto(`${address}/portal/acme#${jane.secret}`);
      await page.getByTitle('Jane').waitFor();
      const headline = await page.evaluate('document.activeElement.textContent');

      await page.goto(`${address}/portal/acme#${eve.secret}`);
      await page.getByText('You are signed in as Jane (jane@example.com).').waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByTitle('Jane').waitFor();
      await page.goto(`${address}/portal/acme#apis`);
      await page.reload();
      await page.getByTitle('Jane').waitFor();
      await page.goto(`${address}/portal/acme#${eve.secret}`);
      await page.getByRole('button', { name: 'Continue as Eve' }).click();
      await page.getByTitle('Eve').waitFor();

      expect([headline, await page.getByRole('alert').count(), errors]).toEqual(['Acme Inc.', 0, []]);
    },
  );

  it('is led into by a link that the owner makes at the console', { timeout: BROWSER_TIMEOUT }, async () => {
    const mallory = await registered(server, 'Mallory, root@example.com');
    await mallory.ok('POST subscriptions', { api: 'payments', plan: 'gold' });
    const owner = await signedInConsole(browser, address, /Mallory/);
    const { page } = await newPage(browser);

    const row = owner.page.getByRole('row', { name: /Mallory/ });
    const cells = await row.getByRole('cell').allTextContents();
    await row.getByRole('button', { name: /^Sign-in link/ }).click();
    await owner.page.getByRole('button', { name: 'Make a link' }).click();
    const link = await owner.page.getByRole('textbox', { name: 'Sign-in link' }).inputValue();
    await page.goto(`${address}/portal/acme${new URL(link).hash}`);
    await page.getByTitle('Mallory').waitFor();

    expect(cells.slice(1, 3)).toEqual(['Mallory, root@example.com', 'jane@example.com']);
    expect((await mallory.send('GET me')).status).toBe(401);
  });

  it('makes a new key in another browser, and signs every browser out by a new link (UI4)', { timeout: BROWSER_TIMEOUT }, async () => {
    const { page } = await newPage(browser);
    const eve = await registered(server, 'Eve');
    const { id } = await eve.ok('POST subscriptions', { api: 'payments', plan: 'gold' });
    await server.ok('POST', `/v1/subscriptions/${String(id)}/approve`);
    await page.goto(`${address}/portal/acme#${eve.secret}`);

    await page.getByRole('button', { name: 'Make a new key: Payments' }).click();
    await page.getByLabel('How long').selectOption('1');
    await page.getByRole('button', { name: 'Make a new key', exact: true }).click();
    const key = await page.getByLabel('API key').inputValue();
    await page.getByRole('button', { name: 'Close' }).click();
    const url = page.url();
    await server.ok('POST', `/v1/tenants/acme/consumers/${eve.consumer}/sign-in-link`);
    await page.reload();
    await page.getByRole('button', { name: 'Request Access' }).waitFor();

    expect(await server.validKeys(id, [key])).toEqual([key]);
    expect(url).not.toContain('#');
  });
});
