/**
 * What every promise is tried over: the sets of examples/, every case of test/golden/ and sets made by chance. Each says what was live before and which commands show
 * and do the change; no promise knows where a scenario comes from.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { catalog } from '../../gateway/catalog.js';
import type { PlanRequest, Touch } from '../../schema/change.js';
import { check } from '../../schema/check.js';
import { parseManifests } from '../../schema/manifest.js';
import { keyOf, type Resource } from '../../schema/resource.js';
import { ROOT } from '../helpers/stack.js';
import { openWorkbench, type Workbench } from '../helpers/workbench.js';
import { changesOf, yamlOf } from './generated.js';

export interface Scenario {
  readonly name: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The command that shows the change, and the one that does it. */
  readonly plan: readonly string[];
  readonly apply: readonly string[];
  /** Makes what is live before. */
  prepare(bench: Workbench): Promise<void>;
}

/** Part of every secret value that a scenario knows. */
export const CANARY = 'canary-5e0c';
const GOLDEN = join(ROOT, 'test/golden');
const workplace = mkdtempSync(join(tmpdir(), 'stoa-promises-'));
process.once('exit', () => rmSync(workplace, { recursive: true, force: true }));

/** A directory with these files. */
export function workplaceFor(name: string, files: Readonly<Record<string, string>>): string {
  const cwd = join(workplace, name);
  mkdirSync(cwd, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
  return cwd;
}

/** A workbench on which a scenario's past is made and forgotten. The caller closes it. */
export async function openScenario(scenario: Scenario): Promise<Workbench> {
  const bench = await openWorkbench();
  await scenario.prepare(bench);
  bench.takeRequests();
  bench.database.take();
  return bench;
}

/** Every environment of stoa.config.yaml: they name all directories of examples/ (test/promises/scenarios.test.ts). */
export function examples(): Scenario[] {
  const { environments } = parse(readFileSync(join(ROOT, 'stoa.config.yaml'), 'utf8')) as { environments: Record<string, unknown> };
  return Object.keys(environments).map((environment) => ({
    name: `examples: ${environment}`,
    cwd: ROOT,
    env: Object.fromEntries(
      ['HOOK', 'LUMEN_WEBHOOK', 'NORTHWIND_WEBHOOK', 'WEBHOOK'].map((name) => [`${name}_SECRET`, `${CANARY}-${name}`]),
    ),
    plan: ['diff', '--environment', environment],
    apply: ['apply', '--yes', '--environment', environment],
    prepare: () => Promise.resolve(),
  }));
}

/** request.json of a golden case, as test/golden.test.ts reads it. */
interface GoldenRequest extends Partial<PlanRequest> {
  readonly owners?: Readonly<Record<string, string | null>>;
  readonly drift?: Readonly<Record<string, Touch>>;
}

/** Every directory of test/golden. One that asks for deletes by name gives a scenario for each name. */
export function golden(): Scenario[] {
  return readdirSync(GOLDEN, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => goldenCase(name));
}

function goldenCase(name: string): Scenario[] {
  const from = join(GOLDEN, name);
  const cwd = join(workplace, name);
  cpSync(from, cwd, { recursive: true, filter: (file) => !file.endsWith('.json') && !file.endsWith('expected.txt') });
  const readJson = (file: string): object =>
    existsSync(join(from, file)) ? (JSON.parse(readFileSync(join(from, file), 'utf8')) as object) : {};
  const request = readJson('request.json') as GoldenRequest;
  const overlay = existsSync(join(from, 'overlay')) ? ', overlay: overlay' : '';
  writeFileSync(
    join(cwd, 'stoa.config.yaml'),
    `project: shop\ndefault_environment: case\nenvironments: {case: {variables: {}${overlay}}}\n`,
  );
  const env = Object.fromEntries(
    Object.entries(readJson('env.json') as Record<string, string>).map(([key, value]) => [key, secretly(key, value)]),
  );
  const base = { cwd, env, prepare: (bench: Workbench) => prepareGolden(bench, join(from, 'current'), request) };
  const flags = [
    ...(request.prune === true ? ['--prune'] : []),
    ...(request.max_deletes === undefined ? [] : ['--max-deletes', request.max_deletes]),
    ...(request.take_ownership === true ? ['--take-ownership'] : []),
  ];
  const { delete: deletes = [] } = request;
  if (deletes.length === 0)
    return [{ ...base, name: `golden: ${name}`, plan: ['diff', '-f', '.', ...flags], apply: ['apply', '-f', '.', '--yes', ...flags] }];
  return deletes.map((key) => {
    const command = ['delete', key.kind, key.kind === 'Tenant' ? key.name : `${key.tenant}/${key.name}`, ...flags];
    return { ...base, name: `golden: ${name} (${keyOf(key)})`, plan: [...command, '--dry-run'], apply: [...command, '--yes'] };
  });
}

const secretly = (name: string, value: string): string => (name.includes('SECRET') || name === 'OTHER' ? `${CANARY}-${value}` : value);

/** Applies `current/` for the project "shop", then gives what other owners, or nobody, have, and what was changed by hand. */
async function prepareGolden({ plane }: Workbench, directory: string, { owners = {}, drift = {} }: GoldenRequest): Promise<void> {
  if (!existsSync(directory)) return;
  const files = readdirSync(directory).sort();
  const manifests = files.flatMap((file) => parseManifests(readFileSync(join(directory, file), 'utf8'), file).manifests);
  const { resources } = check(catalog, manifests);
  const secrets = Object.fromEntries(
    resources.filter(({ spec }) => 'secret_ref' in spec).map((one) => [keyOf(one), { secret_ref: `${CANARY}-before` }]),
  );
  const send = async (body: Partial<PlanRequest>): Promise<void> => {
    const { status, text } = await plane.send('POST /v1/apply', { secrets, ...body });
    if (status !== 200) throw new Error(`The current state of ${directory} was refused: ${text}`);
  };
  const declared = new Set(resources.flatMap(({ kind, name }) => (kind === 'Tenant' ? [name] : [])));
  for (const name of new Set(resources.map(({ tenant }) => tenant)))
    if (!declared.has(name)) await plane.send('POST /v1/tenants', { name });
  await send({ project: 'shop', resources });
  for (const [project, members] of groupByOwner(resources, owners)) await send({ project, resources: members, take_ownership: true });
  const mark = (key: string, values: { readonly managed_by?: null; readonly drift?: string }): Promise<unknown> => {
    const { kind = '', tenant = '', name = '' } = resources.find((each) => keyOf(each) === key) ?? {};
    const update = plane.cp.db.updateTable('resources').set(values);
    return update.where('kind', '=', kind).where('tenant', '=', tenant).where('name', '=', name).execute();
  };
  for (const [key, owner] of Object.entries(owners)) if (owner === null) await mark(key, { managed_by: null });
  for (const [key, touch] of Object.entries(drift)) await mark(key, { drift: JSON.stringify(touch) });
}

function groupByOwner(resources: readonly Resource[], owners: Readonly<Record<string, string | null>>): Map<string, Resource[]> {
  const groups = new Map<string, Resource[]>();
  for (const resource of resources) {
    const owner = owners[keyOf(resource)];
    if (typeof owner === 'string' && owner !== 'shop') groups.set(owner, [...(groups.get(owner) ?? []), resource]);
  }
  return groups;
}

/** Changes of generated sets, with `--prune`; half of them begin from nothing. */
export function generated(count: number, seed = 20_261_130): Scenario[] {
  return changesOf(seed, count).map(({ before, after }, index) => {
    const cwd = join(workplace, `generated-${seed}-${index}`);
    mkdirSync(join(cwd, 'before'), { recursive: true });
    writeFileSync(join(cwd, 'set.yaml'), yamlOf(after));
    writeFileSync(join(cwd, 'before', 'set.yaml'), yamlOf(before));
    for (const directory of [cwd, join(cwd, 'before')]) writeFileSync(join(directory, 'secret.txt'), `${CANARY}-file`);
    writeFileSync(join(cwd, 'stoa.config.yaml'), 'project: shop\nmanifests: [set.yaml]\n');
    const env = { HOOK_SECRET: `${CANARY}-env`, ...(index % 3 === 0 ? { UPSTREAM_HOST: 'three.example.com' } : {}) };
    return {
      name: `generated: ${index} of seed ${seed}`,
      cwd,
      env,
      plan: ['diff', '--prune'],
      apply: ['apply', '--prune', '--yes'],
      async prepare(bench) {
        if (index % 2 === 0) return;
        const { exitCode, stdout, stderr } = await bench.run(['apply', '-f', 'before/set.yaml', '--yes'], { cwd, env });
        if (exitCode !== 0) throw new Error(`The state before was refused: ${stdout}${stderr}`);
      },
    };
  });
}

/** All of them. */
export const scenarios = (count = 12): Scenario[] => [...examples(), ...golden(), ...generated(count)];
