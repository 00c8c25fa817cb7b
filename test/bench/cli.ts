/** Wall-clock times of stoactl as people feel them, against `node -e 0` in the same run; diff and apply against a real control plane. */
import { execFile, fork } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { manifestText } from './lib/manifests.js';
import { median, short, table } from './lib/statistics.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const STOACTL = path.join(ROOT, 'bin/stoactl.js');
const SECRET = 'bench-client-secret';

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly rounds: number;
  /** What the design asks for, in words. */
  readonly target: string;
}

/** Runs every step and answers with a markdown table. */
export async function benchCli(): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-bench-'));
  const small = path.join(directory, '1000.yaml');
  const large = path.join(directory, '10000.yaml');
  writeFileSync(small, manifestText(1000));
  writeFileSync(large, manifestText(10_000));
  const controlPlane = await startControlPlane(path.join(directory, 'data'));
  const counter = await countRequests(controlPlane.port);
  const env = { ...process.env, NO_COLOR: '1', CI: 'true', STOA_CLIENT_SECRET: SECRET, STOA_API_URL: `http://127.0.0.1:${counter.port}` };
  const steps: readonly Step[] = [
    { name: 'stoactl --version', args: ['--version'], rounds: 9, target: '2.5 x node -e 0' },
    { name: 'validate, 1 000 resources', args: ['validate', '-f', small], rounds: 5, target: '0.5 s' },
    { name: 'validate, 10 000 resources', args: ['validate', '-f', large], rounds: 3, target: '1.5 s' },
    { name: 'first apply, 10 000 resources', args: ['apply', '-f', large, '--yes', '-q'], rounds: 1, target: '5 s' },
    { name: 'apply again, no change', args: ['apply', '-f', large, '--yes', '-q'], rounds: 3, target: '1 s, 1 request' },
    { name: 'diff, no change', args: ['diff', '-f', large, '--exit-code', '-q'], rounds: 3, target: '1 s, 1 request' },
  ];
  try {
    const rows: (readonly (string | number)[])[] = [];
    const bare = median(await times(9, () => run(process.execPath, ['-e', '0'], env)));
    for (const { name, args, rounds, target } of steps) {
      const before = counter.count();
      const milliseconds = median(await times(rounds, () => run(process.execPath, [STOACTL, ...args], env)));
      rows.push([name, short(milliseconds / 1000), short(milliseconds / bare), (counter.count() - before) / rounds, target]);
    }
    return table(['command', 'seconds', `to node -e 0 (${short(bare)} ms)`, 'requests, tokens apart', 'asked'], rows);
  } finally {
    counter.server.close();
    controlPlane.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function times(rounds: number, run: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let round = 0; round < rounds; round += 1) results.push(await run());
  return results;
}

/** Milliseconds until the program has ended. Throws when it fails. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const start = performance.now();
  await promisify(execFile)(program, args, { env, cwd: tmpdir(), maxBuffer: 2 ** 28 });
  return performance.now() - start;
}

async function startControlPlane(dataDirectory: string): Promise<{ port: number; stop(): void }> {
  const flags = ['--data-dir', dataDirectory, '--port', '0'];
  const env = { ...process.env, STOA_CLIENT_SECRET: SECRET, LOG_LEVEL: 'error' };
  const child = fork(path.join(ROOT, 'bin/control-plane.js'), flags, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  const message = await new Promise<{ type: string; port?: number }>((resolve, reject) => {
    child.once('message', (value) => resolve(value as { type: string; port?: number }));
    child.once('exit', (code) => reject(new Error(`The control plane ended with ${code ?? 'a signal'}.`)));
  });
  if (message.type !== 'ready' || message.port === undefined)
    throw new Error(`The control plane did not start: ${JSON.stringify(message)}`);
  return { port: message.port, stop: () => child.kill('SIGTERM') };
}

interface Counter {
  readonly server: Server;
  readonly port: number;
  count(): number;
}

/** Stands in front of the control plane and counts requests; those for a token are not counted. */
async function countRequests(target: number): Promise<Counter> {
  let counted = 0;
  const server = createServer((req, res) => {
    if (req.url?.startsWith('/realms/') !== true) counted += 1;
    const onward = request({ host: '127.0.0.1', port: target, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    req.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, count: () => counted };
}
