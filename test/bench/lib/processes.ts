/** Child processes of a benchmark: pinned to a core, their output in a file, their processor time read from /proc. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
}

interface StartOptions {
  readonly core: number;
  /** Takes stdout and stderr. */
  readonly log: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program on one core. `stop` ends it. */
export function start(command: string, args: readonly string[], { core, log, env }: StartOptions): Running {
  const output = openSync(log, 'a');
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  });
  closeSync(output);
  if (child.pid === undefined) throw new Error(`${command} could not be started.`);
  return { child, pid: child.pid };
}

/** Asks it to end and waits; after 5 s it is killed. */
export async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}

/** Waits until the URL is answered with the status. After 20 s, or when the process has died, stops it and throws with the end of the log. */
export async function waitFor(
  running: Running,
  url: string,
  log: string,
  status = 200,
  headers: Record<string, string> = {},
): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const answer = await fetch(url, { headers }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === status) return;
    if (Date.now() > deadline || running.child.exitCode !== null) {
      const tail = readFileSync(log, 'utf8').split('\n').slice(-15).join('\n');
      await stop(running);
      throw new Error(`${url} is answered ${answer?.status ?? 'not at all'} instead of ${status}. The log ends:\n${tail}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** User and system time of a process and of all that it started, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  const ticks = processTree(pid).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Time that a core has not been idle, whoever used it, in microseconds. */
export function coreBusyMicroseconds(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
  return ((user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND) * 1e6;
}

/** Resident memory of a process and of all that it started, in MiB. */
export function residentMib(pid: number): number {
  return processTree(pid).reduce((sum, stat) => sum + stat.residentPages, 0) / PAGES_PER_MIB;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
  readonly residentPages: number;
}

const systemValue = (name: string): number => Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
const TICKS_PER_SECOND = systemValue('CLK_TCK');
const PAGES_PER_MIB = 2 ** 20 / systemValue('PAGESIZE');

function processTree(pid: number): Stat[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)));
  const tree = new Set([pid]);
  for (let before = 0; before !== tree.size;) {
    before = tree.size;
    for (const stat of stats) if (tree.has(stat.parent)) tree.add(stat.pid);
  }
  return stats.filter((stat) => tree.has(stat.pid));
}

/** Fields 4, 14, 15 and 24 of /proc/PID/stat (proc(5)), counted after the name, which may hold spaces. */
function readStat(pid: number): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return [{ pid, parent: fields[1] ?? 0, ticks: (fields[11] ?? 0) + (fields[12] ?? 0), residentPages: fields[21] ?? 0 }];
  } catch {
    return []; // It ended between the listing and the reading.
  }
}

/** Whether a program can be found on the path. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
