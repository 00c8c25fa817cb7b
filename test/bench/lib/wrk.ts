/** Load from wrk: every key in turn on the route that it opens, from requests that are formatted before the run. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { World } from './world.js';

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Writes the script that sends the world's requests, and their list beside it: a table in the script itself has at most 65 536 constants. Returns the script's path. */
export function writeWrkScript(directory: string, { keys }: World): string {
  const list = path.join(directory, 'requests.txt');
  writeFileSync(list, keys.map(({ key, path: target }) => `${key} ${target}\n`).join(''));
  const script = [
    'local requests = {}',
    'init = function()',
    `  for key, target in io.open('${list}'):read('*a'):gmatch('(%S+) (%S+)') do`,
    "    requests[#requests + 1] = wrk.format('GET', target, { ['X-API-Key'] = key })",
    '  end',
    'end',
    'local n = 0',
    'request = function() n = n % #requests + 1; return requests[n] end',
    '',
  ];
  const file = path.join(directory, 'load.lua');
  writeFileSync(file, script.join('\n'));
  return file;
}

interface WrkOptions {
  readonly port: number;
  readonly script: string;
  readonly seconds: number;
  readonly connections: number;
  readonly core: number;
}

/** Runs one round. Throws when an answer was not a success: a fast refusal is no result. */
export async function wrk({ port, script, seconds, connections, core }: WrkOptions): Promise<Load> {
  const args = [
    '-c',
    String(core),
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '-s',
    script,
    `http://127.0.0.1:${port}`,
  ];
  const { stdout } = await promisify(execFile)('taskset', args);
  const trouble = /Non-2xx.*|Socket errors.*/.exec(stdout);
  if (trouble) throw new Error(`The answers were not all successes: ${trouble[0]}`);
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: latency(stdout, 50),
    p99Ms: latency(stdout, 99),
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function latency(output: string, percentile: number): number {
  const [, value, unit] = new RegExp(`\\b${percentile}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
  return Number(value) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
}
