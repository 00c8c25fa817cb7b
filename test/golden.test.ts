/**
 * Every directory of test/golden is a case: its manifests are read, checked and, where there is a request.json, planned against `current/`.
 * What comes out is compared with expected.txt. Adding a case is adding a directory; `UPDATE_GOLDEN=1` writes what comes out.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalog } from '../gateway/catalog.js';
import type { Change, Plan, PlanRequest, StoredResource, Touch } from '../schema/change.js';
import { check, sortDiagnostics } from '../schema/check.js';
import type { Diagnostic } from '../schema/error.js';
import { parseManifests, type Manifest } from '../schema/manifest.js';
import { mergeOverlay } from '../schema/overlay.js';
import { plan } from '../schema/plan.js';
import { keyOf, type Resource } from '../schema/resource.js';
import { collectSecrets, resolveVariables } from '../schema/variables.js';

const ROOT = path.join(import.meta.dirname, 'golden');
const cases = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());

type Digests = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** request.json: what is asked for, and what the manifests of `current/` cannot say about the resources that are there. */
interface Request extends Partial<Omit<PlanRequest, 'resources'>> {
  /** Owner by resource; "shop" where none is given. */
  readonly owners?: Readonly<Record<string, string | null>>;
  readonly drift?: Readonly<Record<string, Touch>>;
  readonly digests?: { readonly current: Digests; readonly desired: Digests };
  /** Check against what is there, as the control plane does. */
  readonly known?: boolean;
}

function parse(directory: string, prefix = ''): { manifests: Manifest[]; diagnostics: Diagnostic[] } {
  if (!existsSync(directory)) return { manifests: [], diagnostics: [] };
  const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));
  const parsed = files.sort().map((file) => parseManifests(readFileSync(path.join(directory, file), 'utf8'), prefix + file));
  return { manifests: parsed.flatMap(({ manifests }) => manifests), diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics) };
}

function run(directory: string): string {
  const readJson = (file: string): unknown =>
    existsSync(path.join(directory, file)) ? JSON.parse(readFileSync(path.join(directory, file), 'utf8')) : undefined;
  const request = readJson('request.json') as Request | undefined;
  const env = (readJson('env.json') ?? {}) as Readonly<Record<string, string>>;
  const sources = {
    env: (name: string) => env[name],
    file: (file: string) => (existsSync(path.join(directory, file)) ? readFileSync(path.join(directory, file), 'utf8') : undefined),
  };
  const base = parse(directory);
  const overlay = parse(path.join(directory, 'overlay'), 'overlay/');
  const resolved = resolveVariables(mergeOverlay(base.manifests, overlay.manifests), sources);
  const current = currentOf(directory, request);
  const checked = check(catalog, resolved.manifests, request?.known === true ? { known: current } : {});
  const secrets = collectSecrets(checked.resources, resolved.manifests, sources);
  const findings = sortDiagnostics([
    ...base.diagnostics,
    ...overlay.diagnostics,
    ...resolved.diagnostics,
    ...checked.diagnostics,
    ...secrets.diagnostics,
  ]);
  const lines = [...findings.map(showFinding), `${checked.resources.length} resources`];
  if (request === undefined) return `${lines.join('\n')}\n`;
  const desired = checked.resources.map((resource) => withDigests(resource, request.digests?.desired));
  const made = plan({ catalog, request: { project: 'shop', ...request, resources: desired }, current, revision: 7 });
  return `${[...lines, '', ...showPlan(made)].join('\n')}\n`;
}

const withDigests = <T extends Resource>(resource: T, digests: Digests | undefined): T => {
  const secretDigests = digests?.[keyOf(resource)];
  return secretDigests === undefined ? resource : { ...resource, secretDigests };
};

function currentOf(directory: string, request: Request | undefined): StoredResource[] {
  const { manifests } = parse(path.join(directory, 'current'), 'current/');
  const { resources, diagnostics } = check(catalog, manifests);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return resources.map((resource, index) => {
    const key = keyOf(resource);
    const owner = request?.owners?.[key];
    const drift = request?.drift?.[key];
    const touched = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z', updated_by: 'ci' };
    const stored = { ...resource, id: `id-${index}`, version: index + 1, managed_by: owner === undefined ? 'shop' : owner, ...touched };
    return withDigests({ ...stored, ...(drift === undefined ? {} : { drift }) }, request?.digests?.current);
  });
}

function showFinding({ source, severity, code, path: place, message, hint }: Diagnostic): string {
  const where = source === undefined ? '-' : `${source.file}:${source.line}:${source.column}`;
  return `${where} ${severity} ${code} [${place}]\n  ${message}${hint === undefined ? '' : `\n  ${hint}`}`;
}

const SYMBOLS = { create: '+', update: '~', delete: '-' } as const;

function showPlan({ changes, summary, refusals, project, revision }: Plan): string[] {
  return [
    `plan of ${project} at revision ${revision}: ${JSON.stringify(summary)}`,
    ...changes.flatMap(showChange),
    ...refusals.flatMap(({ code, resource, message, hint }) => [`! ${code} ${resource ?? ''}`.trimEnd(), `    ${message}`, `    ${hint}`]),
  ];
}

function showChange(change: Change): string[] {
  const { action, version, fields, adopted, taken_from, drift, breaking, dependents } = change;
  const side = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
  return [
    `${SYMBOLS[action]} ${keyOf(change)} from version ${version}`,
    ...(adopted === true ? ['    adopted'] : []),
    ...(taken_from === undefined ? [] : [`    taken from ${taken_from}`]),
    ...(drift === undefined ? [] : [`    changed by ${drift.by} at ${drift.at}`]),
    ...fields.map((field) => `    ${field.path}: ${side(field.before)} -> ${side(field.after)}`),
    ...(breaking ?? []).map((reason) => `    breaking: ${reason}`),
    ...(dependents ?? []).map((dependent) => `    with it: ${dependent}`),
  ];
}

describe('the golden cases (CL3 CL4 CL6)', () => {
  it('are many', () => {
    expect(cases.length).toBeGreaterThanOrEqual(25);
  });

  it.each(cases.map(({ name }) => name))('%s', (name) => {
    const directory = path.join(ROOT, name);
    const file = path.join(directory, 'expected.txt');

    const actual = run(directory);

    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual);
    expect(actual).toBe(readFileSync(file, 'utf8'));
  });
});
