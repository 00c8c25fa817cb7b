/**
 * The software bill of materials of what runs in production: `npm run --silent sbom -- cyclonedx > sbom.json`, or `spdx`.
 * `npm sbom --omit dev` alone leaves out what a development dependency needs as well, zod and undici among it: it is asked about a package without any.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const [format = 'cyclonedx'] = process.argv.slice(2);

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devDependencies?: object }>>;
}

const read = (file: string): object => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as object;
const directory = path.join(mkdtempSync(path.join(tmpdir(), 'stoa-sbom-')));
const write = (file: string, content: object): void => writeFileSync(path.join(directory, file), JSON.stringify(content));
const lock = read('package-lock.json') as Lock;
const packages = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);

write('package.json', { ...read('package.json'), devDependencies: {} });
write('package-lock.json', {
  ...lock,
  packages: Object.fromEntries(packages.map(([name, entry]) => [name, name === '' ? { ...entry, devDependencies: {} } : entry])),
});
const type = format === 'cyclonedx' ? ['--sbom-type', 'application'] : [];
const { status, stdout, stderr } = spawnSync('npm', ['sbom', '--sbom-format', format, '--package-lock-only', ...type], {
  cwd: directory,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
rmSync(directory, { recursive: true });
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = status ?? 1;
