/** The control plane and issuers: a client of other people signs in to the embedded one, and an external one takes its place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowInsecureRequests, clientCredentialsGrant, discovery, fetchProtectedResource } from 'openid-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AUDIENCE, startIssuer } from '../helpers/oidc-issuer.js';
import { startServer, type Server } from '../helpers/processes.js';
import { runStoactl } from '../helpers/stack.js';

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
  const port = flags.includes('--port') ? [] : ['--port', '0'];
  server = await startServer('control-plane', ['--data-dir', directory, ...port, ...flags], { STOA_CLIENT_SECRET: SECRET });
  return server;
}

async function listenOn(http: HttpServer): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

/** One that nobody listens on. */
async function freePort(): Promise<number> {
  const http = createServer();
  const url = await listenOn(http);
  await new Promise((resolve) => http.close(resolve));
  return Number(new URL(url).port);
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

  it('stoactl in a pipeline signs in with the token of the pipeline, and with that of another repository in vain', async () => {
    const issuer = await startIssuer(Date.now);
    let repository = 'northwind/apis';
    const keycloak = { typ: undefined, azp: undefined, preferred_username: undefined, realm_access: undefined };
    const github = createServer((req, res) => {
      const aud = new URL(req.url ?? '', 'http://x').searchParams.get('audience');
      const claims = { ...keycloak, aud, sub: `repo:${repository}:ref:refs/heads/main`, repository, ref: 'refs/heads/main' };
      res.end(JSON.stringify({ value: req.headers.authorization === 'Bearer of-the-job' ? issuer.token({ claims }) : undefined }));
    });
    const port = await freePort();
    const audience = `http://127.0.0.1:${port}`;
    const file = path.join(directory, 'pipelines.yaml');
    writeFileSync(
      file,
      `pipelines: [{ issuer: '${issuer.url}', audience: '${audience}', claims: { repository: northwind/apis, ref: refs/heads/main }, role: cpi-admin }]\n`,
    );
    const { output } = await start('--pipelines', file, '--port', String(port));
    const request = { ACTIONS_ID_TOKEN_REQUEST_URL: `${await listenOn(github)}/token?v=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job' };
    const run = (env: Record<string, string>) =>
      runStoactl(['get', 'tenants'], { cwd: directory, env: { STOA_API_URL: audience, ...env } });

    const own = await run(request);
    repository = 'northwind/other';
    const other = await run(request);
    const none = await run({});

    expect([own.exitCode, other.exitCode, none.exitCode]).toEqual([0, 3, 3]);
    expect(other.stderr).toContain('No pipeline of --pipelines is this one: repo:northwind/other:ref:refs/heads/main.');
    expect(none.stderr).toContain('STOA_CLIENT_SECRET is not set');
    expect(output() + own.stdout + own.stderr + other.stderr).not.toMatch(/of-the-job|eyJ/);
    github.close();
    await issuer.close();
  });

  it.each([
    [['--pipelines', 'nowhere.yaml'], 'nowhere.yaml cannot be read'],
    [['--oidc-issuer', 'http://keycloak.internal/realms/stoa', '--oidc-audience', 'stoa'], 'takes an https address'],
    [['--oidc-issuer', 'https://user:pass@keycloak.example.com', '--oidc-audience', 'stoa'], 'takes an https address'],
    [['--oidc-issuer', 'https://keycloak.example.com/realms/stoa'], 'needs --oidc-audience'],
    [['--no-embedded-issuer'], 'needs --oidc-issuer'],
  ])('%j is refused at the start (CV7)', async (flags, message) => {
    await expect(start(...flags)).rejects.toThrow(message);
  });
});
