/**
 * Runs a service as a container engine would, without one: the files of the image and nothing else of ours, a root that cannot be written, a user without
 * rights, a network of its own with the names of the services. Needs Linux, root and util-linux.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from './stack.js';

export const DOCKERFILE = path.join(ROOT, 'deploy/compose/Dockerfile');

/** The files of the product that a service has, and what holds for whatever runs from them. */
export interface Image {
  /** From a path of the repository to one below `workdir`. */
  readonly copies: readonly (readonly string[])[];
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly workdir: string;
}

/** What an engine is told of a service. */
export interface ContainerSpec {
  readonly name: string;
  /** In place of that of the image. */
  readonly entrypoint?: readonly string[];
  /** Behind the entry point. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: number;
  /** Text of files by path; they cannot be written. */
  readonly files: Readonly<Record<string, string>>;
  /** Directories that can be written. */
  readonly writable: readonly string[];
  /** Options of /proc, as systemd restricts it. */
  readonly procOptions?: string;
}

export interface Containers {
  start(name: string): ChildProcess;
  /** Runs a program where the service runs, as its user, as a health check does. */
  exec(name: string, argv: readonly string[]): { readonly code: number; readonly stdout: string; readonly stderr: string };
  /** What the service has printed. */
  output(name: string): string;
  end(): void;
}

/** Why containers cannot be imitated here; undefined when they can. */
export function containersProblem(): string | undefined {
  const probe = 'mount -t tmpfs none /mnt && ip link set lo up && setpriv --version && curl --version';
  const { status, stderr, error } = spawnSync('unshare', ['-mnp', '--fork', 'sh', '-c', probe], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr).trim();
}

/** What the last stage of the Dockerfile is made of. */
export function readImage(): Image & { readonly user: number; readonly volumes: readonly string[] } {
  const stage =
    readFileSync(DOCKERFILE, 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  const lines = (word: string): string[] => [...stage.matchAll(new RegExp(`^${word} (.+)$`, 'gm'))].map(([, rest = '']) => rest);
  return {
    copies: lines('COPY --from=build').map((line) => line.split(' ').map((place) => place.replace(/^\/src\/|^\.\//, ''))),
    environment: Object.fromEntries(lines('ENV').map((line) => line.split('=') as [string, string])),
    entrypoint: JSON.parse(lines('ENTRYPOINT')[0] ?? '[]') as string[],
    workdir: lines('WORKDIR')[0] ?? '/',
    user: Number(lines('USER')[0]?.split(':')[0]),
    volumes: lines('VOLUME'),
  };
}

/** Prepares the services; they end with `end`, and after ten minutes by themselves. */
export async function startContainers(
  specs: readonly ContainerSpec[],
  hostNames: readonly string[],
  image: Image = readImage(),
): Promise<Containers> {
  const base = mkdtempSync(path.join(tmpdir(), 'stoa-containers-'));
  writeFileSync(path.join(base, 'hosts'), `127.0.0.1 localhost ${hostNames.join(' ')}\n`);
  const script = [
    'set -e',
    'ip link set lo up',
    ...specs.flatMap((spec) => rootOf(base, spec, image)),
    `touch ${base}/ready`,
    'exec sleep 600',
  ];
  const holder = spawn('unshare', ['-mnp', '--fork', '--kill-child', 'sh', '-c', script.join('\n')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let trouble = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (trouble += text));
  while (spawnSync('test', ['-e', `${base}/ready`]).status !== 0) {
    if (holder.exitCode !== null) throw new Error(`The namespaces cannot be made: ${trouble}`);
    await delay(50);
  }
  const inner = readFileSync(`/proc/${String(holder.pid)}/task/${String(holder.pid)}/children`, 'utf8').trim();
  const outputs = new Map<string, string>();
  const specOf = (name: string): ContainerSpec => {
    const spec = specs.find((each) => each.name === name);
    if (spec === undefined) throw new Error(`No service ${name}.`);
    return spec;
  };
  const argvOf = ({ name, user, environment }: ContainerSpec, argv: readonly string[]): string[] => {
    const rights = [
      '--reuid',
      String(user),
      '--regid',
      String(user),
      '--clear-groups',
      '--no-new-privs',
      '--inh-caps=-all',
      '--bounding-set=-all',
    ];
    const env = Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...image.environment, ...environment }).map(
      ([key, value]) => `${key}=${value}`,
    );
    const enter = ['-t', inner, '-m', '-n', '-p', 'chroot', path.join(base, name), 'setpriv', ...rights];
    return [...enter, 'env', '-i', ...env, 'sh', '-c', `cd ${image.workdir} && exec "$@"`, 'sh', ...argv];
  };
  return {
    start(name) {
      const spec = specOf(name);
      const child = spawn('nsenter', argvOf(spec, [...(spec.entrypoint ?? image.entrypoint), ...spec.command]), {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => outputs.set(name, (outputs.get(name) ?? '') + text));
      return child;
    },
    exec(name, argv) {
      const { status, stdout, stderr } = spawnSync('nsenter', argvOf(specOf(name), argv), { encoding: 'utf8' });
      return { code: status ?? -1, stdout, stderr };
    },
    output: (name) => outputs.get(name) ?? '',
    end() {
      holder.kill('SIGKILL');
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** Shell lines that make the root of one service. */
function rootOf(base: string, { name, user, files, writable, procOptions }: ContainerSpec, { copies, workdir }: Image): string[] {
  const root = path.join(base, name);
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `mkdir -p ${root}; mount -t tmpfs none ${root}; cd ${root}`,
    `mkdir -p usr etc dev proc .${workdir} ${writable.map((directory) => `.${directory}`).join(' ')}`,
    'for link in bin lib lib64 sbin; do ln -s usr/$link $link; done',
    'mount --rbind -o ro /usr usr; mount --bind -o ro /etc etc; mount --rbind /dev dev',
    `mount -t proc -o ${procOptions ?? 'rw'} proc proc`,
    `mount --bind ${base}/hosts etc/hosts`,
    ...copies.flatMap(([from = '', to = '']) => {
      const [source, target] = [path.join(ROOT, from), `.${workdir}/${to}`];
      return `if [ -d ${source} ]; then mkdir -p ${target}; else mkdir -p $(dirname ${target}); touch ${target}; fi; mount --bind -o ro ${source} ${target}`;
    }),
    ...Object.entries(files).map(
      ([file, text]) => `mkdir -p .${path.dirname(file)}; printf %s ${quoted(text)} > .${file}; chmod 444 .${file}`,
    ),
    ...writable.map((directory) => `mount -t tmpfs -o uid=${user},gid=${user},mode=0755 none .${directory}`),
    `cd /; mount -o remount,ro ${root}`,
  ];
}
