/**
 * The documents that the product is built from, where they lie beside the checkout: every command and request in them runs against a whole local stack,
 * and what is answered has the form that is printed. A checkout alone has the pages of docs/guide instead: none of the documents' commands lacks its
 * counterpart there.
 */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, cleanEnv, removeDirectory, startStack, type TestStack } from '../helpers/stack.js';
import { formDifferences } from '../helpers/answer-form.js';
import { callsOf, jsonAt, requestKey, requestSnippets, shellSnippets, type RequestSnippet } from '../helpers/snippets.js';
import { guideCalls } from '../helpers/guide.js';

const REFERENCE = join(ROOT, '..', 'shared', 'reference');
const NAMES = {
  A: 'A-week-1-operations-runbook.txt',
  B: 'B-control-plane-api.txt',
  C: 'C-api-key-rotation.txt',
  D: 'D-gateway-admin-api.txt',
  E: 'E-api-du-control-plane-fr.txt',
} as const;
const missing = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
const isThere = existsSync(join(REFERENCE, NAMES.A));
if (!isThere) console.log('Skipped: the reference documents do not lie beside this checkout; the pages of docs/guide are walked instead.');
if (missing.length > 0) console.log(`Skipped: the walk over the documents needs ${missing.join(' and ')}.`);

const read = (letter: keyof typeof NAMES): string => (isThere ? readFileSync(join(REFERENCE, NAMES[letter]), 'utf8') : '');

describe.skipIf(!isThere || missing.length > 0)('the documents', () => {
  let stack: TestStack;
  let upstream: Server;
  let upstreamUrl: string;
  let directory: string;

  beforeAll(async () => {
    upstream = createServer((_req, res) => res.end('{"ok":true}')).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    directory = mkdtempSync(join(tmpdir(), 'stoa-walk-'));
    stack = await startStack({ seed: false, readyWhen: /^export STOA_CLIENT_SECRET=.*$/m });
  });
  afterAll(async () => {
    await stack.stop();
    upstream.close();
    await removeDirectory(directory);
  });

  interface Answer {
    readonly status: number;
    readonly headers: Headers;
    readonly body: never;
  }

  async function ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(stack.urls.api + path, {
      method,
      headers: {
        authorization: `Bearer ${await stack.token()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as never };
  }

  /** Runs shell text with our programs first on the path. */
  async function bash(text: string, env: Readonly<Record<string, string>>): Promise<string> {
    const options = { cwd: directory, env: { ...cleanEnv(), ...stack.env, ...env, PATH: `${directory}:${process.env['PATH'] ?? ''}` } };
    const { stdout } = await promisify(execFile)('bash', ['-c', `exec 2>&1\n${text}`], options);
    return stdout;
  }

  const SUCCESS: Readonly<Record<string, number>> = { GET: 200, PATCH: 200, DELETE: 204 };
  const statusOf = ({ method, target }: RequestSnippet): number => SUCCESS[method] ?? (/\/(approve|rotate)$/.test(target) ? 200 : 201);

  describe.each([
    { letter: 'B', language: 'en', problem: 'Standard error format:', later: '"Production Key"' },
    { letter: 'E', language: 'fr', problem: "Format d'erreur standard :", later: '"Clé Production"' },
  ] as const)('document $letter', ({ letter, language, problem }) => {
    const text = read(letter);
    const requests = requestSnippets(text);
    /** Ids of what was made last, by the word that the document has for them in a path. */
    const ids: Record<string, string> = {};
    const WORDS: Readonly<Record<string, string>> = {
      tenants: 'tenant_id',
      apis: 'api_id',
      subscriptions: 'subscription_id',
      apikeys: 'key_id',
      webhooks: 'webhook_id',
    };
    const collection = (target: string): string => target.split('/').findLast((part) => part in WORDS) ?? '';
    const filled = (target: string): string => `/v1${target.replace(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? `no-${name}`)}`;
    /** The document's ids, and instants that have passed since it was written, replaced by what is there. */
    const current = (body: unknown): unknown =>
      body === undefined
        ? undefined
        : JSON.parse(
            JSON.stringify(body)
              .replace('api-xyz789', ids['api_id'] ?? '')
              .replace('sub-12345', ids['subscription_id'] ?? '')
              .replace('2026-01-09T00:00:00Z', new Date(Date.now() + 86_400_000).toISOString()),
          );
    const send = (request: RequestSnippet): Promise<Answer> =>
      ask(request.method, filled(request.target), current(request.body), { 'accept-language': language });
    const note = (request: RequestSnippet, answer: Answer): void => {
      const word = WORDS[collection(request.target)];
      if (answer.status === 201 && word !== undefined) ids[word] = (answer.body as { id: string }).id;
    };
    /** The documents delete each thing before they go on to use it: it is made again. */
    async function again(collectionName: string): Promise<void> {
      const request = requests.find(
        ({ method, target }) => method === 'POST' && collection(target) === collectionName && /s$/.test(target),
      );
      if (request === undefined) return;
      const answer = await send(request);
      note(request, answer);
      const approve = requests.find(({ target }) => target.endsWith('/approve'));
      if (collectionName === 'subscriptions' && approve !== undefined) await send(approve);
    }

    afterAll(() => ask('DELETE', '/v1/tenants/acme'));

    it('has requests to walk', () => {
      expect(requests.length).toBe(25);
    });

    it(`is answered as printed, request by request (${letter === 'B' ? 'CV1 TN1-TN10 AP1-AP6 SB1-SB8 KY24-KY27 MT1 MT4 SB14 WH1-WH3' : 'K27'})`, async () => {
      for (const request of requests) {
        const answer = await send(request);
        const where = `${request.method} ${request.target} (line ${request.line})`;
        expect([where, answer.status, answer.status < 300 ? undefined : answer.body]).toEqual([where, statusOf(request), undefined]);
        expect([where, formDifferences(request.answer, answer.body)]).toEqual([where, []]);
        note(request, answer);
        if (request.method === 'DELETE') await again(collection(request.target));
      }
    });

    it('is answered with its own words for an invalid tier (CV13 CV14 CV21 CV22)', async () => {
      const lines = text.split('\n');
      const { value } = jsonAt(lines, lines.indexOf(problem) + 1);

      const answer = await ask('POST', '/v1/tenants', { name: 'walk-errors', tier: 'gold' }, { 'accept-language': language });

      expect(answer.status).toBe(400);
      const { error } = answer.body as { error: Record<string, unknown> };
      expect({ error: { code: error['code'], message: error['message'], details: error['details'] } }).toEqual(value);
    });

    it('has a token of five minutes for its own client and realm (CV3 CV4 CV5)', async () => {
      const [call] = shellSnippets(text).filter(({ text: shell }) => shell.includes('openid-connect/token'));
      const shell = (call?.text ?? '')
        .replace(/https:\/\/auth\.\S+?(?=\/realms)/, '$STOA_AUTH_URL')
        .replace('YOUR_SECRET', stack.clientSecret);

      const token = JSON.parse(await bash(`${shell} -s`, { STOA_CLIENT_SECRET: stack.clientSecret })) as Record<string, unknown>;

      expect(token).toMatchObject({ access_token: expect.any(String), expires_in: 300, token_type: 'Bearer' });
    });

    it('has the rate limits of its tiers in the headers that it names (CV23 CV24 CV25 CV27 CV28 CV29)', async () => {
      const hourly = [
        ...text.matchAll(/^- (?:Free tier|Tier Gratuit|Starter|Business) ?: (\d[\d,\s\u00a0\u202f]*?)\s(?:requests|requêtes)/gm),
      ].map(([, n = '']) => Number(n.replace(/\D/g, '')));
      expect(hourly).toEqual([100, 1000, 10_000]);
      for (const [index, tier] of ['free', 'starter', 'business'].entries()) {
        await ask('POST', '/v1/tenants', { name: `limits-${tier}`, tier });
        const token = await stack.token(`tenant:limits-${tier}`);
        const { headers } = await ask('GET', `/v1/tenants/limits-${tier}`, undefined, { authorization: `Bearer ${token}` });
        expect(headers.get('x-ratelimit-limit')).toBe(String(hourly[index]));
        expect(headers.get('x-ratelimit-remaining')).toBe(String((hourly[index] ?? 0) - 1));
        expect(Number(headers.get('x-ratelimit-reset')) * 1000).toBeGreaterThan(Date.now());
        await ask('DELETE', `/v1/tenants/limits-${tier}`);
      }
    });
  });

  it('document E: the OpenAPI document and both readers of it are served (CV8 CV9 CV10)', async () => {
    const document = await fetch(`${stack.urls.api}/openapi.json`);
    expect(((await document.json()) as { openapi: string }).openapi).toMatch(/^3\.1\./);
    for (const path of ['/docs', '/redoc']) {
      const page = await fetch(stack.urls.api + path);
      expect([path, page.status, page.headers.get('content-type')]).toEqual([path, 200, expect.stringContaining('text/html')]);
    }
  });

  /** A tenant with one API that is reached, as the shell examples expect it. */
  async function prepare(tenant: string, api: { readonly name: string; readonly path: string; readonly version?: string }) {
    await ask('POST', '/v1/tenants', { name: tenant, tier: 'business' });
    const created = await ask('POST', `/v1/tenants/${tenant}/apis`, { ...api, upstream_url: upstreamUrl });
    return (created.body as { id: string }).id;
  }

  async function subscribe(tenant: string, api: string, consumer: string): Promise<{ id: string; key: string; consumer: string }> {
    const made = await ask('POST', `/v1/consumers/${tenant}`, { name: consumer, external_id: consumer, email: 'client@example.com' });
    const consumerId = (made.body as { id: string }).id;
    const answer = await ask('POST', '/v1/subscriptions', { tenant_id: tenant, api_id: api, consumer_id: consumerId });
    const { id, api_key } = answer.body as { id: string; api_key: string };
    return { id, key: api_key, consumer: consumerId };
  }

  it('document C: a rotation, both keys, its state and the list (C KY3 KY4 KY8 KY11 SB11)', async () => {
    const api = await prepare('acme', { name: 'billing', path: '/billing', version: 'v1' });
    const { id, key } = await subscribe('acme', api, 'my-consumer');
    const lines = read('C').split('\n');
    const answers = [...lines.keys()].flatMap((at) => jsonAt(lines, at).value ?? []);
    const calls = shellSnippets(read('C')).filter(({ text }) => text.startsWith('curl'));
    const env = { SUB_ID: id, TENANT_ID: 'acme', TOKEN: await stack.token(), ADMIN_TOKEN: stack.adminToken };
    expect(calls.length).toBe(6);
    let next = '';

    const printed: string[] = [];
    for (const { text } of calls) {
      const shell = text.replace('stoa_sk_a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4', key).replace('stoa_sk_e7f8g9h0i1j2k3l4m5n6o7p8q9r0s1t2', next);
      const out = await bash(shell.replace(/curl /, 'curl -s '), env);
      next = /"new_api_key":"(\w+)"/.exec(out)?.[1] ?? next;
      printed.push(out.trim());
    }

    expect(next).toMatch(/^stoa_sk_[0-9a-z]{32}$/);
    expect(formDifferences(answers[0], JSON.parse(printed[0] ?? ''))).toEqual([]);
    expect(printed.slice(1, 3)).toEqual(['{"ok":true}', '{"ok":true}']);
    expect(formDifferences(answers[1], JSON.parse(printed[3] ?? ''))).toEqual([]);
    expect(JSON.parse(printed[4] ?? '')).toEqual({ status: 'ok', message: 'Cache cleared' });
    expect(JSON.parse(printed[5] ?? '')).toEqual({
      api_key_prefix: next.slice(0, 12),
      rotation_count: 1,
      last_rotated_at: expect.any(String),
    });
    await ask('DELETE', '/v1/tenants/acme');
  });

  it('document D: every endpoint answers in the form that is printed (AD1-AD23)', async () => {
    const api = await prepare('acme', { name: 'quota-api', path: '/quota' });
    const plan = await ask('POST', '/v1/tenants/acme/subscriptions', { api_id: api, plan: 'standard', consumer_id: await consumerFor() });
    const approved = await ask('POST', `/v1/subscriptions/${(plan.body as { id: string }).id}/approve`, { quota: 50_000 });
    const key = (approved.body as { api_key: string }).api_key;
    await untilStatus(`${stack.urls.gateway}/apis/acme/quota/x`, key, 200);
    const headers = { authorization: `Bearer ${stack.adminToken}` };
    const text = read('D');
    const env = { ADMIN_TOKEN: stack.adminToken };
    for (const { text: shell } of shellSnippets(text)) {
      const out = await bash(shell.replace(/curl /, "curl -s -w '\\n%{http_code}' "), env);
      expect([shell, out.split('\n').at(-1)]).toEqual([shell, expect.stringMatching(/^20[01]$/)]);
    }
    const lines = text.split('\n');
    const requests = requestSnippets(text);
    const place: Readonly<Record<string, string>> = {
      '/admin/apis/:id': '/admin/apis/api-123',
      '/admin/policies/:id': '/admin/policies/policy-123',
      '/admin/circuit-breakers/:name/reset': `/admin/circuit-breakers/${encodeURIComponent(upstreamUrl)}/reset`,
    };
    for (const [index, { method, target, line }] of requests.entries()) {
      if (method === 'POST' && /^\/admin\/(apis|policies)$/.test(target)) continue;
      const quotas = (await (await fetch(`${stack.urls.gateway}/admin/quotas`, { headers })).json()) as { consumer_id: string }[];
      const path = place[target] ?? target.replace(':consumer_id', encodeURIComponent(quotas[0]?.consumer_id ?? 'nobody'));
      const below = lines.slice(line, (requests[index + 1]?.line ?? lines.length) - 1);
      const documented = below.flatMap((_text, at) => (/^[{[]/.test(below[at] ?? '') ? (jsonAt(below, at).value ?? []) : []));
      const wanted = lines[line]?.startsWith('[') === true || below.some((row) => row === '[') ? [documented].flat(2) : documented[0];
      const answer = await fetch(stack.urls.gateway + path, { method, headers });
      const body = await answer.text();
      expect([target, method, answer.status]).toEqual([target, method, method === 'DELETE' ? 204 : 200]);
      if (wanted !== undefined && body !== '') expect([target, formDifferences(wanted, ownOnly(JSON.parse(body)))]).toEqual([target, []]);
    }
    await ask('DELETE', '/v1/tenants/acme');
  });

  /** Of a list that shows what the control plane gave as well, what the document has put in. */
  const ownOnly = (body: unknown): unknown => {
    const own = Array.isArray(body) ? body.filter(({ id }: { id?: string }) => id === 'api-123') : [];
    return own.length > 0 ? own : body;
  };

  async function consumerFor(): Promise<string> {
    const made = await ask('POST', '/v1/consumers/acme', { name: 'user-123', external_id: 'user-123' });
    return (made.body as { id: string }).id;
  }

  async function untilStatus(url: string, key: string, status: number): Promise<void> {
    const end = Date.now() + 5000;
    for (;;) {
      const answer = await fetch(url, { headers: { 'x-api-key': key } });
      await answer.arrayBuffer();
      if (answer.status === status) return;
      if (Date.now() > end) throw new Error(`${url} is answered ${answer.status}, not ${status}.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** What the commands of document A print; every command is on this list or on the one of what is not ours to run. `stoactl dev` stands for Compose. */
  const PRINTED: readonly (readonly [begins: RegExp, prints: RegExp])[] = [
    [/^curl -s \$\{STOA_GATEWAY_URL\}\/health$/, /^\{"status":"ok","version":"[\d.]+","uptime_seconds":\d+\}$/],
    [/your-api\/endpoint/, /HTTP Status: 200\nLatency: 0\.\d+s/],
    [/STOA_AUTH_URL\}\/health\/ready/, /^\{"status":"UP"\}$/],
    [/^#!\/bin\/bash\n# check-stoa/, /^$/],
    [/limit=50/, /^\{\s+"action": "[\w.]+",\s+"resource": "[^"]+",\s+"user": "[^"]+",\s+"created_at": "[^"]+"\s+\}/],
    [/event_type=rate_limit_exceeded&hours=24/, /^3$/],
    [/-X PATCH .*\/admin\/policies/, /"requests_per_minute": 200,\s+"burst": 20/],
    [/^CORS_POLICY_ID=/, /^$/],
    [/policies\/bindings/, /"policy_id": "pol-[^"]+"/],
    [/^CONSUMER_ID=/, /^$/],
    [/^API_KEY=/, /^$/],
    [/\/revoke"/, /"status":"revoked"/],
    [/premium-rate-limit/, /"priority": 50/],
    [/consumers\/\$CONSUMER_ID\/rotate-key/, /^"stoa_sk_[0-9a-z]{32}"$/],
    [/^#!\/bin\/bash\n# weekly/, /Active Consumers ---\n\d+\n/],
    [/email=client@example.com/, /"api_key": "stoa_sk_[0-9a-z]{4}…",\s+"api_ids": \[\s+"api-/],
    [/^get_token\(\)/, /^$/],
    [/^TOKEN=\$\(get_token\)$/, /^$/],
    [/grep '"status":5'/, /"status":502/],
    [/grep "rate_limit_exceeded/, /"rate_limit_exceeded","consumer":"my-consumer"/],
    [/sort \| uniq -c/, /\d+ "status":200/],
    [
      /^docker compose ps$/,
      /^control-plane +Up .* healthy .*control-plane-api, control-plane-ui, developer-portal, keycloak, postgres\ngateway +Up .* healthy .*stoa-gateway$/m,
    ],
    [/^docker compose up -d$/, /^gateway is running at/m],
    [/^docker compose logs \S+ --tail=100 --follow$/, /"event":"/],
    [/^time docker compose restart stoa-gateway$/, /gateway is running again[^]*real\s+0m\d\.\d+s/],
    [/^time \(docker compose down/, /gateway is stopped[^]*gateway is running[^]*real\s+0m[12]?\d\.\d+s/],
  ];
  /** A backend in a container, the crontab and Prometheus are not part of this stack; placeholders are filled in by the environment. */
  const OTHERS = [/^docker compose exec/, /^crontab/, /localhost:9090/, /^[A-Z_]+="(your|subscription)-/];

  it('document A: the commands of the week print what they should (CV4 CV6 AU1-AU3 PL1-PL3 PL10 CN1 CN4-CN7 SB9 SB10 SB12 OP1 OP2 OP10 OP11 OP16)', async () => {
    const api = await prepare('week-one', { name: 'your-api', path: '/your-api' });
    const dead = await ask('POST', '/v1/tenants/week-one/apis', {
      name: 'dead',
      path: '/dead',
      upstream_url: 'http://127.0.0.1:9',
      auth_required: false,
    });
    expect(dead.status).toBe(201);
    const mine = await subscribe('week-one', api, 'my-consumer');
    const policy = await ask('POST', '/v1/admin/policies', {
      name: 'week-limit',
      policy_type: 'rate_limit',
      tenant_id: 'week-one',
      scope: 'api',
      api_id: api,
      config: { requests_per_minute: 2, burst: 0 },
    });
    const gateway = stack.urls.gateway;
    await untilStatus(`${gateway}/apis/week-one/your-api/endpoint`, 'none', 401);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      const answer = await fetch(`${gateway}/apis/week-one/your-api/endpoint`, { headers: { 'x-api-key': mine.key } });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([200, 200, 429, 429, 429]);
    expect((await fetch(`${gateway}/apis/week-one/dead/x`)).status).toBe(502);
    await ask('PATCH', `/v1/admin/policies/${(policy.body as { id: string }).id}`, { config: { requests_per_minute: 1000 } });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await untilCounted('week-one', 3);

    const program = (name: string, text: string): void => {
      writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(directory, name), 0o755);
    };
    program('docker', asCompose(`${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} dev`));
    program('mail', `cat > "${join(directory, 'mail.txt')}"`);
    const env = {
      TENANT_ID: 'week-one',
      API_ID: api,
      POLICY_ID: (policy.body as { id: string }).id,
      TOKEN: await stack.token(),
      KC_SECRET: stack.clientSecret,
      STOA_AUTH_URL: stack.env['STOA_AUTH_URL'] ?? '',
    };
    const mark = '\u0001';
    const snippets = shellSnippets(read('A')).filter(({ text }) => !OTHERS.some((pattern) => pattern.test(text)));
    const script = snippets.map(({ text }) => `printf '${mark}'\n${asShell(text, mine)}\n`).join('');
    const printed = (await bash(script, env)).split(mark).slice(1);

    expect(printed.length).toBe(snippets.length);
    for (const [index, { text, line }] of snippets.entries()) {
      const expected = PRINTED.filter(([begins]) => begins.test(text)).map(([, prints]) => prints);
      expect([line, text, expected.length]).toEqual([line, text, 1]);
      expect(printed[index]?.trim(), `line ${line}: ${text}`).toMatch(expected[0] ?? /^no expectation$/);
    }
    expect(existsSync(join(directory, 'mail.txt'))).toBe(false);
    await ask('DELETE', '/v1/tenants/week-one');
  }, 120_000);

  /** `docker compose` as `stoactl dev` is: what goes on for ever is ended after a moment. */
  const asCompose = (dev: string): string => `
    where="--data-dir ${stack.dataDir}"
    case "$1 $2" in
      "compose down") exec ${dev} stop $where ;;
      "compose up") exec ${dev} start $where ;;
      "compose "*) shift ;;
      *) exit 0 ;;
    esac
    case "$*" in
      *--follow*) exec timeout 4 ${dev} "$@" $where ;;
      *) exec ${dev} "$@" $where ;;
    esac`;

  /** The command with the ids that a reader would fill in. */
  function asShell(text: string, mine: { readonly id: string; readonly key: string; readonly consumer: string }): string {
    if (text.startsWith('#!')) return `bash <<'SCRIPT'\n${text}\nSCRIPT`.replace(/^/, 'export TOKEN TENANT_ID; ');
    if (/\/revoke"/.test(text))
      return `SUBSCRIPTION_ID=$(curl -s "$STOA_API_URL/v1/subscriptions?tenant_id=$TENANT_ID&consumer_id=$CONSUMER_ID" -H "Authorization: Bearer $TOKEN" | jq -r '.subscriptions[0].id')\n${text}`;
    if (/consumers\/\$CONSUMER_ID\/rotate-key/.test(text)) return `CONSUMER_ID=${mine.consumer}\n${text}`;
    if (/your-api\/endpoint/.test(text)) return text.replace('/your-api/', '/apis/week-one/your-api/').replace('your-api-key', mine.key);
    return text;
  }

  async function untilCounted(tenant: string, count: number): Promise<void> {
    const end = Date.now() + 10_000;
    for (;;) {
      const { body } = await ask('GET', `/v1/audit/${tenant}?event_type=rate_limit_exceeded`);
      if ((body as { total_events: number }).total_events === count) return;
      if (Date.now() > end) throw new Error(`The events were not delivered: ${JSON.stringify(body)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('have a counterpart in docs/guide for every call', () => {
    const others = [/\/your-api\/endpoint/, /\/api\/v1\/targets/, /raw|openapi\.json/];
    const documented = (['A', 'B', 'C', 'D', 'E'] as const).flatMap((letter) => [
      ...shellSnippets(read(letter))
        .filter(({ text }) => !text.startsWith('docker'))
        .flatMap(({ text }) => callsOf(text)),
      ...requestSnippets(read(letter)).map(({ method, target }) => requestKey(method, target)),
    ]);
    const ours = new Set(guideCalls());
    const lacking = [...new Set(documented)].filter((call) => !others.some((pattern) => pattern.test(call)) && !ours.has(call));

    expect(documented.length).toBeGreaterThan(90);
    expect(lacking).toEqual([]);
  });
});
