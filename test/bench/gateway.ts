/**
 * The gateway beside its peers: processor time per request, throughput and latency, in interleaved rounds of one run.
 * Each system under test runs on core 0; the upstream, wrk and this process on core 1.
 * `npm run bench:gateway -- --seconds 3 --rounds 3 --write` puts the table into docs/performance.md.
 * `--beside FOLDER` runs another build of the gateway, from its folder, in the same rounds.
 * `--only 'stoa gateway' --profile FOLDER` writes a processor profile of the gateway instead.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { coreBusyMicroseconds, cpuMicroseconds, isInstalled, residentMib } from './lib/processes.js';
import { machine, writeSection } from './lib/page.js';
import { median, short, table } from './lib/statistics.js';
import { buildWorld, type World } from './lib/world.js';
import { wrk, writeWrkScript, type Load } from './lib/wrk.js';
import { fastifyProxy } from './systems/fastify-proxy.js';
import { nginx, startUpstream } from './systems/nginx.js';
import { stoa, stoaAt } from './systems/stoa.js';
import type { Started, System } from './systems/system.js';

const SYSTEM_CORE = 0;
const LOAD_CORE = 1;
const SETTLE_MS = 1200;
/** A round in which others used more of the core than this is run again, a few times. */
const MAX_DISTURBANCE = 0.05;
const MAX_TRIES = 4;

interface Round extends Load {
  readonly cpuMicros: number;
  readonly mib: number;
  /** Share of the system's core that something else used meanwhile. */
  readonly disturbance: number;
}

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  readonly routes: number;
  readonly keys: number;
  readonly only: readonly string[];
  readonly write: boolean;
  readonly profile: string | undefined;
  readonly beside: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' },
      routes: { type: 'string', default: '100' },
      keys: { type: 'string', default: '1000' },
      only: { type: 'string', multiple: true, default: [] },
      write: { type: 'boolean', default: false },
      profile: { type: 'string' },
      beside: { type: 'string' },
    },
  });
  const { seconds, rounds, connections, routes, keys } = values;
  const [a, b, c, d, e] = [seconds, rounds, connections, routes, keys].map(Number) as [number, number, number, number, number];
  const { only, write, profile, beside } = values;
  return { seconds: a, rounds: b, connections: c, routes: d, keys: e, only, write, profile, beside };
}

async function main(): Promise<void> {
  const missing = ['nginx', 'wrk', 'taskset'].filter((program) => !isInstalled(program));
  if (missing.length > 0 || cpus().length < 2) {
    console.log(`Skipped: the run needs two cores, nginx, wrk and taskset; missing here: ${missing.join(', ') || 'a second core'}.`);
    return;
  }
  const options = readOptions();
  execFileSync('taskset', ['-pc', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' });
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-bench-'));
  try {
    await report(options, await compare(options, directory));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function compare(options: Options, directory: string): Promise<ReadonlyMap<System, readonly Round[]>> {
  const world = buildWorld(options.routes, options.keys);
  const script = writeWrkScript(directory, world);
  const upstream = await startUpstream(makeFolder(directory, 'upstream'), LOAD_CORE);
  const started = new Map<System, Started>();
  try {
    for (const system of chosenSystems(options)) {
      const { profile } = options;
      const setting = {
        world,
        upstreamPort: upstream.port,
        directory: makeFolder(directory, `system-${started.size}`),
        core: SYSTEM_CORE,
        profile,
      };
      const gateway = await system.start(setting);
      started.set(system, gateway);
      await proveJob(system, gateway.port, world);
    }
    return await measureInTurn(started, script, options);
  } finally {
    for (const gateway of started.values()) await gateway.stop();
    await upstream.stop();
  }
}

function chosenSystems({ only, beside }: Options): readonly System[] {
  const others = beside === undefined ? [] : [stoaAt(path.resolve(beside))];
  const chosen = [nginx, stoa, ...others, fastifyProxy].filter(({ name }) => only.length === 0 || only.includes(name));
  const reasons = chosen.flatMap((system) => system.missing() ?? []);
  for (const reason of reasons) console.log(`Skipped: ${reason}.`);
  return chosen.filter((system) => system.missing() === undefined);
}

/** A B C A B C: what else the machine does falls on all alike. The first round warms up and does not count. */
async function measureInTurn(started: ReadonlyMap<System, Started>, script: string, options: Options): Promise<Map<System, Round[]>> {
  const rounds = new Map<System, Round[]>([...started.keys()].map((system) => [system, []]));
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const [system, gateway] of started) {
      const result = await measureUndisturbed(gateway, script, options);
      console.log(`round ${round} ${system.name}: ${describe(result)}`);
      if (round > 0) rounds.get(system)?.push(result);
    }
  }
  return rounds;
}

function makeFolder(directory: string, name: string): string {
  const folder = path.join(directory, name);
  mkdirSync(folder);
  return folder;
}

/** A key opens its route, another text opens none: whoever skips the work is not compared. */
async function proveJob(system: System, port: number, { keys }: World): Promise<void> {
  const [first] = keys;
  const url = `http://127.0.0.1:${port}${first?.path ?? ''}`;
  const statuses = await Promise.all(
    [first?.key ?? '', 'stoa_sk_nobody'].map(async (key) => (await fetch(url, { headers: { 'x-api-key': key } })).status),
  );
  if (statuses.join() !== '200,401') throw new Error(`${system.name} answers ${statuses.join()} to a good and a bad key, not 200,401.`);
}

function describe({ cpuMicros, perSecond, p99Ms, disturbance }: Round): string {
  const others = disturbance > MAX_DISTURBANCE ? `; disturbed, others used ${Math.round(disturbance * 100)} % of the core` : '';
  return `${short(cpuMicros)} µs, ${short(perSecond)}/s, p99 ${short(p99Ms)} ms${others}`;
}

/** The least disturbed of a few tries. */
async function measureUndisturbed(gateway: Started, script: string, options: Options): Promise<Round> {
  let best = await measure(gateway, script, options);
  for (let tries = 1; best.disturbance > MAX_DISTURBANCE && tries < MAX_TRIES; tries += 1) {
    const next = await measure(gateway, script, options);
    if (next.disturbance < best.disturbance) best = next;
  }
  return best;
}

async function measure(gateway: Started, script: string, options: Options): Promise<Round> {
  const { pid } = gateway.running;
  const before = { cpu: cpuMicroseconds(pid), log: statSync(gateway.accessLog).size, busy: coreBusyMicroseconds(SYSTEM_CORE) };
  const load = await wrk({ port: gateway.port, script, seconds: options.seconds, connections: options.connections, core: LOAD_CORE });
  const mib = residentMib(pid);
  const foreign = coreBusyMicroseconds(SYSTEM_CORE) - before.busy - (cpuMicroseconds(pid) - before.cpu);
  const disturbance = Math.max(0, foreign) / (options.seconds * 1e6);
  // What is written after the load belongs to it.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const cpuMicros = (cpuMicroseconds(pid) - before.cpu) / load.requests;
  const bytes = statSync(gateway.accessLog).size - before.log;
  if (bytes < load.requests * 50)
    throw new Error(`${gateway.accessLog} has grown by ${bytes} bytes in ${load.requests} requests: no access line each.`);
  return { ...load, cpuMicros, mib, disturbance };
}

async function report(options: Options, results: ReadonlyMap<System, readonly Round[]>): Promise<void> {
  const middle = (rounds: readonly Round[], field: keyof Round): number => median(rounds.map((round) => round[field]));
  const base = middle(results.get(nginx) ?? [], 'cpuMicros');
  const rows = [...results].map(([{ name, job }, rounds]) => {
    const cpu = middle(rounds, 'cpuMicros');
    const latency = `${short(middle(rounds, 'p50Ms'))} / ${short(middle(rounds, 'p99Ms'))}`;
    return [name, job, short(cpu), short(cpu / base), short(middle(rounds, 'perSecond')), latency, short(middle(rounds, 'mib'))];
  });
  const text = table(['system', 'job', 'µs of CPU per request', 'to nginx', 'requests/s', 'p50 / p99 ms', 'MiB'], rows);
  const { seconds, rounds, connections, routes, keys } = options;
  const worst = Math.max(...[...results.values()].flat().map(({ disturbance }) => disturbance));
  const setting = `${machine()}; medians of ${rounds} interleaved rounds of ${seconds} s, ${connections} connections, ${routes} routes, ${keys} keys; others used at most ${Math.round(worst * 100)} % of the core.`;
  console.log(`\n${setting}\n\n${text}`);
  if (options.write) await writeSection('gateway', `${setting}\n\n${text}`);
}

await main();
