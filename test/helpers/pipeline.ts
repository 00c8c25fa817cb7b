/** The shell steps of pipelines, run as the systems run them: in a shell that ends at the first failure. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT, cleanEnv } from './stack.js';

/** A directory with a `stoactl` (and a `gh`, a `curl` and an `npm` that only note how they were called) on its PATH. */
export function toolbox(work: string): { path: string; calls: () => string } {
  const bin = mkdtempSync(join(work, 'bin-'));
  const log = join(bin, 'calls.log');
  const script = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script('stoactl', `exec ${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} "$@"`);
  for (const name of ['gh', 'curl', 'npm']) script(name, `echo "${name} $*" >> ${log}`);
  return { path: `${bin}:${process.env['PATH'] ?? ''}`, calls: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}

/** Runs a script with bash. Never throws for an exit code. */
export async function shell(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ exitCode: number; output: string }> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd, env: { ...cleanEnv(), ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exitCode = await new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
  return { exitCode, output };
}

export interface Step {
  readonly name: string;
  readonly run: string;
}

/** The shell steps of each job, with expressions of the pipeline replaced by words. */
export function jobsOf(file: string): Record<string, Step[]> {
  const text = readFileSync(file, 'utf8').replace(/\$\{\{[^}]*\}\}/g, 'word');
  const document = parse(text) as Record<string, unknown>;
  if (!('jobs' in document)) {
    const jobs = Object.entries(document).filter(
      (entry): entry is [string, { script: string[] }] => typeof entry[1] === 'object' && entry[1] !== null && 'script' in entry[1],
    );
    return Object.fromEntries(jobs.map(([job, { script }]) => [job, script.map((run) => ({ name: run, run }))]));
  }
  const jobs = Object.entries(document['jobs'] as Record<string, { steps: Partial<Step>[] }>);
  return Object.fromEntries(
    jobs.map(([job, { steps }]) => [job, steps.flatMap(({ name = '', run }) => (run === undefined ? [] : [{ name, run }]))]),
  );
}

/** Runs the steps of a job up to the first that fails; `calls` is what the programs were called with that are not ours. */
export async function runJob(
  steps: readonly Step[] | undefined,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ exitCode: number; output: string; calls: string }> {
  const work = mkdtempSync(join(tmpdir(), 'stoa-job-'));
  const { path, calls } = toolbox(work);
  let output = '';
  let exitCode = 0;
  for (const { run } of steps ?? []) {
    const result = await shell(run, cwd, { ...env, PATH: path });
    output += result.output;
    exitCode = result.exitCode;
    if (exitCode !== 0) break;
  }
  const done = { exitCode, output, calls: calls() };
  rmSync(work, { recursive: true, force: true });
  return done;
}
