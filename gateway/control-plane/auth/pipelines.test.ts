/** Pipelines that sign in with their own tokens: those of GitHub and GitLab by their claims, and every other one refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePipelines, type PipelineRule } from '../../../schema/pipelines.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { newKey, startIssuer, type TestIssuer, type TokenOrder } from '../../../test/helpers/oidc-issuer.js';

const AUDIENCE = 'https://api.example.com';
const ME = 'GET /v1/tenants/northwind';

let control: TestControlPlane;
let issuer: TestIssuer;
const now = Date.now();

const rules = (): PipelineRule[] => [
  {
    issuer: issuer.url,
    audience: AUDIENCE,
    claims: { repository: 'northwind/apis', ref: ['refs/heads/main', 'refs/heads/release'], environment: 'production' },
    role: 'devops',
    tenant: 'northwind',
  },
  { issuer: issuer.url, audience: AUDIENCE, claims: { repository: 'northwind/apis' }, role: 'viewer', tenant: 'northwind' },
  { issuer: issuer.url, audience: 'other', claims: { repository: 'northwind/platform' }, role: 'cpi-admin' },
];

beforeAll(async () => {
  issuer = await startIssuer(() => now);
  control = await openControlPlane({ now, pipelines: rules() });
  for (const name of ['northwind', 'globex']) await control.send('POST /v1/tenants', { name, tier: 'enterprise' });
});
afterAll(async () => {
  await control.close();
  await issuer.close();
});

/** A token as GitHub makes it for a job of main that deploys to production; undefined takes a claim away. */
const github = (claims: object = {}, order: Omit<TokenOrder, 'claims'> = {}): string =>
  issuer.token({
    ...order,
    claims: {
      aud: AUDIENCE,
      sub: 'repo:northwind/apis:environment:production',
      repository: 'northwind/apis',
      repository_owner: 'northwind',
      ref: 'refs/heads/main',
      environment: 'production',
      ...{ typ: undefined, azp: undefined, preferred_username: undefined, realm_access: undefined },
      ...claims,
    },
  });
const call = async (token: string, line = ME, body?: unknown): Promise<number> => (await control.send(line, body, { token })).status;

describe('a pipeline with a token of its own', () => {
  it('has the role and the tenant of its rule, and its name stands in the audit log', async () => {
    const write = (token: string, tenant: string) =>
      call(token, `POST /v1/consumers/${tenant}`, { name: `c-${Math.random().toString(36).slice(2, 8)}` });

    expect([await call(github()), await write(github(), 'northwind')]).toEqual([200, 201]);
    expect([await write(github(), 'globex'), await call(github(), 'POST /v1/tenants', { name: 'new' })]).toEqual([404, 403]);
    const pull = github({ ref: 'refs/pull/7/merge', environment: undefined, sub: 'repo:northwind/apis:pull_request' });
    expect([await call(pull), await write(pull, 'northwind')]).toEqual([200, 403]);
    const { logs } = (await control.send('GET /v1/audit/northwind?action=consumer.created')).body as { logs: { user: string }[] };
    expect(logs.map(({ user }) => user)).toEqual(['repo:northwind/apis:environment:production']);
  });

  it.each<[string, object]>([
    ['another repository', { repository: 'northwind/other' }],
    ['a repository whose name begins alike', { repository: 'northwind/apis-fork' }],
    ['another spelling', { repository: 'Northwind/apis' }],
    ['no repository', { repository: undefined }],
    ['a list of repositories', { repository: ['northwind/apis'] }],
    ['the audience of another rule', { aud: 'other' }],
  ])('is refused for %s', async (_what, claims) => {
    const answer = await control.send(ME, undefined, { token: github(claims) });

    expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden']);
    expect(answer.body.error.message).toBe('No pipeline of --pipelines is this one: repo:northwind/apis:environment:production.');
  });

  it.each<[string, object]>([
    ['another branch', { ref: 'refs/heads/main-2' }],
    ['a tag of the name', { ref: 'refs/tags/main' }],
    ['another environment', { environment: 'staging' }],
    ['no environment', { environment: undefined }],
  ])('of %s may look, and change nothing', async (_what, claims) => {
    const token = github(claims);

    expect([await call(token), await call(token, 'POST /v1/consumers/northwind', { name: 'x' })]).toEqual([200, 403]);
  });

  it.each<[string, () => string]>([
    ['another audience', () => github({ aud: 'https://github.com/northwind' })],
    ['no audience', () => github({ aud: undefined })],
    ['another issuer', () => github({ iss: 'https://token.actions.githubusercontent.com' })],
    ['a key of its own', () => github({}, { key: newKey('stranger') })],
    ['no signature', () => github({}, { header: { alg: 'none' }, alg: 'none' })],
    ['an end that has come', () => github({ exp: Math.floor(now / 1000) })],
    ['a beginning that has not come', () => github({ nbf: Math.floor(now / 1000) + 60 })],
    ['nobody named', () => github({ sub: undefined })],
    ['the head of an access token', () => github({}, { header: { typ: 'at+jwt' } })],
  ])('is no valid token with %s', async (_what, make) => {
    expect(await call(make())).toBe(401);
  });

  it('of the platform needs no tenant', async () => {
    const token = github({ aud: 'other', repository: 'northwind/platform' });

    expect(await call(token, 'POST /v1/tenants', { name: 'new' })).toBe(201);
  });
});

describe('the file of --pipelines', () => {
  const RULE = `pipelines:
  - issuer: https://gitlab.com
    audience: https://api.example.com
    claims: { project_path: northwind/apis, ref: main, ref_type: branch, ref_protected: 'true' }
    role: devops
    tenant: northwind
`;
  it('is YAML', () => {
    expect(parsePipelines(RULE, 'pipelines.yaml')).toMatchObject([{ issuer: 'https://gitlab.com', role: 'devops', tenant: 'northwind' }]);
  });

  it.each([
    ['pipelines: []', 'pipelines: At least one rule is needed.'],
    ['', 'pipelines: "pipelines" is missing.'],
    [
      RULE.replace('https://gitlab.com', 'http://gitlab.com'),
      'line 2: pipelines.0.issuer: "http://gitlab.com" does not fit here. It is an https address',
    ],
    [RULE.replace('project_path: northwind/apis, ', ''), 'line 4: pipelines.0.claims: One of them says which project it is'],
    [RULE.replace('    tenant: northwind\n', ''), 'pipelines.0.tenant: A cpi-admin has no tenant'],
    [RULE.replace('devops', 'cpi-admin'), 'pipelines.0.tenant: "northwind" does not fit here. A cpi-admin has no tenant'],
    [RULE.replace('devops', 'gateway'), 'pipelines.0.role: '],
    [RULE.replace('audience', 'audiences'), 'pipelines.0.audience: '],
    [RULE.replace("'true'", 'true'), 'line 4: pipelines.0.claims.ref_protected: '],
    ['pipelines: [', 'pipelines.yaml cannot be used: line 1: Flow sequence'],
  ])('is refused when it could be meant otherwise: %j', (text, message) => {
    expect(() => parsePipelines(text, 'pipelines.yaml')).toThrow(message);
  });

  it('is told of all that is wrong with it at once', () => {
    const text = RULE.replace('https://gitlab.com', 'http://gitlab.com').replace('devops', 'gateway');

    expect(() => parsePipelines(text, 'pipelines.yaml')).toThrow(/line 2: pipelines\.0\.issuer: .*\n {2}line 5: pipelines\.0\.role: /);
  });
});
