import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { endpoints } from '../endpoints.js';

let control: TestControlPlane;
beforeAll(async () => void (control = await openControlPlane()));
afterAll(() => control.close());

describe('the document and its pages', () => {
  it('are there without a token, the document with the configured address (CV8)', async () => {
    const { status, body } = await control.send('GET /openapi.json', undefined, { token: null });

    expect(status).toBe(200);
    expect(body).toMatchObject({ openapi: '3.1.0', servers: [{ url: 'https://api.example.test/v1' }] });
  });

  it.each(['/docs', '/redoc'])('%s names nothing outside and may load nothing from there (CV9, CV10)', async (url) => {
    const { status, headers, text } = await control.send(`GET ${url}`, undefined, { token: null });

    expect(status).toBe(200);
    expect(text).not.toMatch(/https?:\/\//);
    expect(text).not.toMatch(/<script(?![^>]* src=)/);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(headers['x-content-type-options']).toBe('nosniff');
    for (const [, file] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      expect((await control.send(`GET ${file}`, undefined, { token: null })).status, file).toBe(200);
    }
  });
});

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));

describe.skipIf(PROGRAM === undefined)('in a browser (skipped where there is no chromium)', () => {
  let browser: Browser;
  let address: string;
  beforeAll(async () => {
    browser = await chromium.launch({ ...(PROGRAM === undefined ? {} : { executablePath: PROGRAM }), args: ['--no-sandbox'] });
    address = await control.app.listen({ port: 0, host: '127.0.0.1' });
  }, 60_000);
  afterAll(() => browser.close());

  it.each([
    ['/docs', '.opblock'],
    ['/redoc', '[data-section-id*="operation/"]'],
  ])(
    '%s lists every operation and asks no other host (CV9, CV10)',
    async (url, operation) => {
      const page = await browser.newPage();
      const hosts = new Set<string>();
      const errors: string[] = [];
      // What the policy of the page blocks never leaves the browser: ReDoc's picture of its maker.
      page.on('requestfinished', (request) => void hosts.add(new URL(request.url()).origin));
      page.on('requestfailed', (request) => void (request.failure()?.errorText === 'csp' || hosts.add(new URL(request.url()).origin)));
      page.on('pageerror', ({ message }) => void errors.push(message));

      await page.goto(`${address}${url}`);
      await page.waitForSelector(operation, { timeout: 60_000, state: 'attached' });
      await page.waitForLoadState('load');
      const shown = await page.locator(operation).count();

      expect(shown).toBeGreaterThanOrEqual(endpoints.length);
      expect(hosts).toContain(address);
      expect([...hosts].filter((host) => host !== address && host !== 'null')).toEqual([]);
      expect(errors).toEqual([]);
      await page.close();
    },
    120_000,
  );
});
