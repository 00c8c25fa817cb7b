/** A whole local stack for a test: the real `stoactl dev` with its real child processes, on free ports and a directory of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STOACTL = join(ROOT, 'bin', 'stoactl.js');
const START_MS = 30_000;

export interface StackOptions {
  /** False for --no-seed. */
  readonly seed?: boolean;
  /** Where `dev` and `stoactl()` run; the checkout by default, whose stoa.config.yaml names the quickstart. */
  readonly cwd?: string;
  /** A directory that outlives the stack; by default a new one that `stop` removes. */
  readonly dataDir?: string;
  /** More arguments of `dev`. `--control-port` and `--gateway-port` default to 0, any free port. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Resolve as soon as this matches the output; by default when everything runs. */
  readonly readyWhen?: RegExp;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestStack {
  readonly process: ChildProcess;
  readonly dataDir: string;
  readonly urls: { readonly api: string; readonly gateway: string; readonly echo: string };
  readonly adminToken: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The `export` lines as an environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The key that `dev` made, and the URL that it is good for; undefined with --no-seed. */
  readonly sample: { readonly url: string; readonly apiKey: string } | undefined;
  /** Everything that `dev` has printed so far, stdout and stderr. */
  output(): string;
  /** Waits until what was printed after this call (or since `from`) matches. Throws after `timeoutMs` with the output. */
  printed(pattern: RegExp, options?: { readonly from?: number; readonly timeoutMs?: number }): Promise<string>;
  /** An access token of the issuer. */
  token(scope?: string): Promise<string>;
  /** A call of the control plane with a token: `call('GET', '/v1/tenants')`. */
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: never }>;
  /** Runs stoactl against this stack. Never throws for an exit code. */
  stoactl(
    args: readonly string[],
    options?: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
  ): Promise<CommandResult>;
  /** SIGTERM, then the exit code. Removes the data directory when it was made here. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Environment without what would leak into the product: our variables and those of CI. */
export function cleanEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => !/^(STOA|FORCE_COLOR$|NODE_ENV$|VITEST|LOG_|CI_|GITHUB_)/.test(name)));
}

/** Runs a built stoactl. Never throws for an exit code. */
export async function runStoactl(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [STOACTL, ...args], { cwd: options.cwd ?? ROOT, env: { ...cleanEnv(), ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return { exitCode, stdout, stderr };
}

/** Removes a directory whose owner was killed: its children may write a last file while they end. */
export async function removeDirectory(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(directory, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Starts `stoactl dev`. Throws with its output when it ends before it is ready. */
export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  const ownDirectory = options.dataDir === undefined;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'stoa-dev-'));
  const adminToken = 'test-admin-token';
  const given = options.args ?? [];
  // A part that is not started here has no port to choose.
  const others = given.includes('control') ? ['--gateway-port'] : given.includes('gateway') ? ['--control-port'] : [];
  const ports = ['--control-port', '--gateway-port'].flatMap((flag) => ([...given, ...others].includes(flag) ? [] : [flag, '0']));
  const args = [STOACTL, 'dev', '--no-tui', '--data-dir', dataDir, ...ports, ...(options.seed === false ? ['--no-seed'] : []), ...given];
  const cwd = options.cwd ?? ROOT;
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...cleanEnv(), STOA_ADMIN_TOKEN: adminToken, STOA_CLIENT_SECRET: 'test-client-secret', ...options.env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const output = (): string => text;
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));

  const printed: TestStack['printed'] = async (pattern, { from = text.length, timeoutMs = START_MS } = {}) => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(text.slice(from));
      if (match !== null) return match[0];
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`dev ended (${child.exitCode ?? child.signalCode}) before ${pattern}:\n${text}`);
      if (Date.now() > deadline) throw new Error(`dev has not printed ${pattern}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const stop: TestStack['stop'] = async (signal = 'SIGTERM') => {
    child.kill(signal);
    const code = await ended;
    if (ownDirectory) await removeDirectory(dataDir);
    return code;
  };

  try {
    await printed(options.readyWhen ?? /^npx stoactl get apis$/m, { from: 0 });
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }

  const env = Object.fromEntries([...text.matchAll(/^export (\w+)=(\S+)/gm)].map(([, name = '', value = '']) => [name, value]));
  const api = env['STOA_API_URL'] ?? '';
  const [, url = '', apiKey] = /^curl (\S+) -H "X-API-Key: (stoa_sk_\w+)"$/m.exec(text) ?? [];
  const clientId = env['STOA_CLIENT_ID'] ?? '';
  const clientSecret = env['STOA_CLIENT_SECRET'] ?? '';
  const token: TestStack['token'] = async (scope) => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      ...(scope === undefined ? {} : { scope }),
    });
    const response = await fetch(`${api}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body });
    if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { access_token: string }).access_token;
  };
  return {
    process: child,
    dataDir,
    urls: { api, gateway: env['STOA_GATEWAY_URL'] ?? '', echo: /echo-upstream is ready at (\S+)/.exec(text)?.[1] ?? '' },
    adminToken,
    clientId,
    clientSecret,
    env,
    sample: apiKey === undefined ? undefined : { url, apiKey },
    output,
    printed,
    token,
    call: async (method, path, body) => {
      const headers = { authorization: `Bearer ${await token()}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const response = await fetch(api + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const answer = await response.text();
      return { status: response.status, body: (answer === '' ? undefined : JSON.parse(answer)) as never };
    },
    stoactl: (arguments_, settings = {}) => runStoactl(arguments_, { cwd, ...settings, env: { ...env, ...settings.env } }),
    stop,
  };
}
