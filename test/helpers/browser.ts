/** A real browser, where there is one. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CLIENT_SECRET } from './control-plane.js';

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));

export const hasBrowser = PROGRAM !== undefined;
/** Of a test in a browser, in milliseconds. */
export const BROWSER_TIMEOUT = 90_000;

/** Starts one; its owner closes it. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ ...(PROGRAM === undefined ? {} : { executablePath: PROGRAM }), args: ['--no-sandbox'] });

export interface WatchedPage {
  readonly page: Page;
  /** What went wrong on it so far, as its console has it. */
  readonly errors: string[];
}

/** A page of a browser that has never been there, and may copy. */
export async function newPage(browser: Browser): Promise<WatchedPage> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(BROWSER_TIMEOUT / 3);
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => (message.type() === 'error' ? errors.push(message.text()) : undefined));
  return { page, errors };
}

/** A page of the console that is signed in, at a row of the subscriptions. */
export async function signedInConsole(browser: Browser, address: string, row: RegExp): Promise<WatchedPage> {
  const { page, errors } = await newPage(browser);
  await page.goto(`${address}/console`);
  await page.getByLabel('Client id').fill('control-plane-api');
  await page.getByLabel('Client secret').fill(CLIENT_SECRET);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('row', { name: row }).waitFor();
  return { page, errors };
}
