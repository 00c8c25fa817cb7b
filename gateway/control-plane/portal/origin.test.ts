/** The attacks: a page of somebody else has a visitor's browser ask the portal for something. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { newVisitor, registered } from '../../../test/helpers/portal-visitor.js';

const JANE = { name: 'Jane Doe', email: 'jane@example.com' };
const WRITE = ['POST sign-in-link', 'POST subscriptions', 'POST subscriptions/x/sealed-key', 'POST subscriptions/x/new-key'];

let server: TestServer;
beforeEach(async () => {
  server = await openServer({ hasPortal: true });
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

it('are refused: from another site, a page without an origin, and what does not say where it comes from', async () => {
  const jane = await registered(server);
  const forged: readonly Readonly<Record<string, string>>[] = [
    { origin: 'https://evil.example.com' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'null' },
    { origin: '' },
    { origin: '', host: '' },
  ];

  // The attack is DNS rebinding: a name of theirs leads here, and their page counts as ours.
  const rebound = { 'sec-fetch-site': 'same-origin', origin: 'http://evil.example.com', host: 'evil.example.com' };

  for (const headers of [...forged, rebound])
    for (const line of ['POST access', 'POST session', 'DELETE session', ...WRITE])
      expect([line, headers, (await jane.send(line, undefined, headers)).status]).toEqual([line, headers, 403]);
});

it('a portal knows itself by the address that others have of the server, by localhost, by any address of IP, and by a name with a certificate', async () => {
  const names: readonly (readonly [string, string])[] = [
    ['https://api.example.test', 'control-plane:8000'],
    ['http://localhost:3002', 'localhost:3002'],
    ['http://localhost.:3002', 'localhost.:3002'],
    ['http://127.0.0.1:3002', '127.0.0.1:3002'],
    ['http://[::1]:3002', '[::1]:3002'],
    ['https://portal.example.com', 'portal.example.com'],
  ];
  const said: readonly Readonly<Record<string, string>>[] = [{}, { 'sec-fetch-site': 'same-origin' }];

  for (const [origin, host] of names)
    for (const fetched of said) {
      const { status } = await newVisitor(server).send('POST access', JANE, { origin, host, ...fetched });
      expect([origin, fetched, status]).toEqual([origin, fetched, 201]);
    }
});

it('who opens it under another name without TLS is told of https: production takes no other address', async () => {
  const headers = { 'sec-fetch-site': 'same-origin', origin: 'http://portal.internal:3002', host: 'portal.internal:3002' };

  const english = await newVisitor(server).send('POST access', JANE, headers);
  const french = await newVisitor(server).send('POST access', JANE, { ...headers, 'accept-language': 'fr' });

  expect(english.body.error).toMatchObject({ message: 'The portal does not know itself as portal.internal:3002.' });
  expect([english, french].map(({ body }) => String(body.error.hint))).toEqual([
    expect.stringMatching(/^Open it by https: /),
    expect.stringMatching(/^Ouvrez-le en https : /),
  ]);
});
