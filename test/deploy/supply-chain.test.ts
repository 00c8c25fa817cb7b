/** docs/supply-chain.md: the bill of materials is whole, every package is pinned, and the registry knows of no advisory. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../helpers/stack.js';

interface Entry {
  readonly version: string;
  readonly name?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Entry> };
const packages = Object.entries(lock.packages).filter(([place]) => place !== '');
const nameOf = (place: string, { name }: Entry): string => name ?? place.split('node_modules/').at(-1) ?? '';
const inProduction = [
  ...new Set(packages.filter(([, { dev }]) => dev !== true).map(([place, entry]) => `${nameOf(place, entry)}@${entry.version}`)),
].sort();

const sbom = (format: string): string => {
  const { stdout, stderr, status } = spawnSync('npm', ['run', '--silent', 'sbom', '--', format], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
};

interface Component {
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string }[];
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[];
}

/** `pkg:npm/%40oclif/core@4.14.0` */
const ofPurl = (purl: string): string => decodeURIComponent(purl.slice('pkg:npm/'.length));
const FREE = /\b(MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|Python-2\.0|0BSD)\b/;

describe('the bill of materials', () => {
  it('as CycloneDX is every package of production, each with its hash and a licence that is free', () => {
    const { components } = JSON.parse(sbom('cyclonedx')) as { components: Component[] };

    expect(components.map(({ purl }) => ofPurl(purl)).sort()).toEqual(inProduction);
    for (const { purl, hashes, licenses } of components) {
      expect([purl, hashes?.map(({ alg }) => alg)]).toEqual([purl, ['SHA-512']]);
      expect([purl, licenses?.map(({ license, expression }) => license?.id ?? expression).join(' ')]).toEqual([
        purl,
        expect.stringMatching(FREE),
      ]);
    }
  });

  it('as SPDX is the same, and the product itself', () => {
    const { packages: listed } = JSON.parse(sbom('spdx')) as { packages: { name: string; versionInfo: string }[] };
    const names = new Set(listed.map(({ name, versionInfo }) => `${name}@${versionInfo}`));

    expect(inProduction.filter((name) => !names.has(name))).toEqual([]);
    expect(listed).toHaveLength(inProduction.length + 1);
  });
});

describe('the packages', () => {
  it('are pinned by their content, and only what is named may run a script at its installation', () => {
    const { allowScripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { allowScripts: Record<string, boolean> };
    const withScript = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([place, entry]) => nameOf(place, entry));

    expect(packages.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true).map(([place]) => place)).toEqual([]);
    expect(withScript.filter((name) => !(name in allowScripts))).toEqual([]);
    expect(Object.keys(allowScripts).filter((name) => allowScripts[name] === true)).toEqual(['better-sqlite3']);
  });

  it('have no advisory, as far as the registry offers any', { timeout: 120_000 }, () => {
    const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8', timeout: 100_000 });
    const { vulnerabilities, error, message } = JSON.parse(stdout === '' ? '{}' : stdout) as {
      vulnerabilities?: Record<string, unknown>;
      error?: unknown;
      message?: string;
    };

    if (vulnerabilities === undefined) {
      console.warn(
        `npm audit has no answer here: ${message ?? JSON.stringify(error ?? 'nothing was printed')}. The packages are not checked for advisories.`,
      );
      return;
    }
    expect(Object.keys(vulnerabilities)).toEqual([]);
  });
});
