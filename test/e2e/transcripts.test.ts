/** What the commands print that need a whole stack, or processes of their own: `test/transcripts.test.ts` holds all others, and that no command is left out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { shop } from '../helpers/cli-case.js';
import { runStoactl, startStack, type TestStack } from '../helpers/stack.js';
import { expectTranscript, FORMS, transcriptOf } from '../helpers/transcripts.js';

/** That of the stacks of these tests. */
const SECRET = 'test-client-secret';
/** Where the echo upstream goes when it can. */
const ECHO_PORT = 3999;

const TESTS = `cases:
  - name: an order without a key is refused
    steps:
      - request: { path: /apis/acme/orders }
        expect: { status: 401 }
  - name: this does not hold
    steps:
      - request: { path: /apis/acme/orders }
        expect: { status: 200 }
`;

const FILES: Readonly<Record<string, string>> = {
  'stoa.config.yaml': 'project: shop\nmanifests: [shop.yaml]\n',
  'shop.yaml': shop('acme'),
  'tests.yaml': TESTS,
};

/** In the order in which they run. */
const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ['autocomplete', ['autocomplete', 'bash']],
  ['login', ['login']],
  ['login (without a secret)', ['login']],
  ['status', ['status']],
  ['doctor', ['doctor', '--consumer', 'acme/mobile']],
  ['test', ['test', 'tests.yaml']],
  ['backup', ['backup', '--to', 'copy']],
  ['restore', ['restore', '--from', 'copy', '--data-dir', 'other']],
  ['dev ps', ['dev', 'ps']],
  ['dev restart', ['dev', 'restart', 'gateway']],
  ['dev stop', ['dev', 'stop', 'echo-upstream']],
  ['dev start', ['dev', 'start', 'echo-upstream']],
  ['dev logs', ['dev', 'logs', 'echo-upstream']],
];

describe.each(FORMS)('as a %s', (form, more, env) => {
  let cwd: string;
  let stack: TestStack;
  // Otherwise the echo upstream is there or elsewhere, depending on what else runs.
  const holder = createServer().on('error', () => undefined);
  beforeAll(async () => {
    holder.listen(ECHO_PORT, '127.0.0.1');
    cwd = mkdtempSync(join(tmpdir(), 'stoa-transcripts-'));
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(cwd, file), text);
    const readyWhen = /^(\{"type":"running"|npx stoactl get apis$)/m;
    stack = await startStack({
      cwd,
      dataDir: join(cwd, '.stoa'),
      args: more,
      readyWhen,
      env: { HOOK_SECRET: 'x', LOG_LEVEL: 'error', ...env },
    });
  }, 60_000);
  afterAll(async () => {
    await stack.stop();
    holder.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  it.each(STEPS)('%s', async (name, given) => {
    const args = [...given, ...more];
    const urls = addressesOf(stack.output());
    const home = { HOME: cwd, XDG_CONFIG_HOME: '', HOOK_SECRET: 'x', STOA_API_URL: urls.api, STOA_GATEWAY_URL: urls.gateway };
    const secret: Record<string, string> = name.startsWith('login') ? {} : { STOA_CLIENT_SECRET: SECRET };

    const result = await runStoactl(args, { cwd, input: name === 'login' ? SECRET : '', env: { ...home, ...secret, ...env } });

    expectTranscript(name, form, transcriptOf({ args, cwd, ...result }));
  });

  it('dev', async () => {
    const args = ['dev', '--no-tui', ...more];

    const exitCode = (await stack.stop()) ?? -1;

    expectTranscript('dev', form, transcriptOf({ args, cwd, stdout: stack.output(), stderr: '', exitCode }));
  });
});

/** Where the parts of a stack are, from either form of what `dev` prints. */
function addressesOf(output: string): { readonly api: string; readonly gateway: string } {
  const of = (service: string): string =>
    new RegExp(`${service}(?: is ready at |","url":")(http://127\\.0\\.0\\.1:\\d+)`).exec(output)?.[1] ?? '';
  return { api: of('control-plane'), gateway: of('gateway') };
}
