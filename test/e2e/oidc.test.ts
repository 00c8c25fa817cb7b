/** The control plane and issuers: a client of other people signs in to the embedded one, and an external one takes its place. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowInsecureRequests, clientCredentialsGrant, discovery, fetchProtectedResource } from 'openid-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AUDIENCE, startIssuer } from '../helpers/oidc-issuer.js';
import { startServer, type Server } from '../helpers/processes.js';

const SECRET = 'oidc-client-secret';
let directory: string;
let server: Server | undefined;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-oidc-'));
});
afterEach(async () => {
  await server?.end('SIGKILL');
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function start(...flags: string[]): Promise<Server> {
  server = await startServer('control-plane', ['--data-dir', directory, '--port', '0', ...flags], { STOA_CLIENT_SECRET: SECRET });
  return server;
}

describe('issuers of access tokens', () => {
  it.each(['stoa-api', 'control-plane-api'])(
    'an independent client discovers the embedded one and signs in as %s (CV3 CV4)',
    async (client) => {
      const { url } = await start();

      // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated to stand out; the address is loopback
      const config = await discovery(new URL(`${url}/realms/master`), client, SECRET, undefined, { execute: [allowInsecureRequests] });
      const tokens = await clientCredentialsGrant(config, { scope: 'email' });
      const answer = await fetchProtectedResource(config, tokens.access_token, new URL(`${url}/v1/tenants`), 'GET');

      expect([answer.status, tokens.expires_in, tokens.token_type]).toEqual([200, 300, 'bearer']);
    },
  );

  it('an external one is trusted by its flags, with the embedded one switched off (CV7)', async () => {
    const issuer = await startIssuer(Date.now);
    const { url, output } = await start('--oidc-issuer', issuer.url, '--oidc-audience', AUDIENCE, '--no-embedded-issuer');
    const token = issuer.token();

    const answer = await fetch(`${url}/v1/tenants`, { headers: { authorization: `Bearer ${token}` } });
    const embedded = await fetch(`${url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST' });

    expect([answer.status, embedded.status]).toEqual([200, 404]);
    expect(output()).not.toContain(token);
    await issuer.close();
  });

  it.each([
    [['--oidc-issuer', 'http://keycloak.internal/realms/stoa', '--oidc-audience', 'stoa'], 'takes an https address'],
    [['--oidc-issuer', 'https://user:pass@keycloak.example.com', '--oidc-audience', 'stoa'], 'takes an https address'],
    [['--oidc-issuer', 'https://keycloak.example.com/realms/stoa'], 'needs --oidc-audience'],
    [['--no-embedded-issuer'], 'needs --oidc-issuer'],
  ])('%j is refused at the start (CV7)', async (flags, message) => {
    await expect(start(...flags)).rejects.toThrow(message);
  });
});
