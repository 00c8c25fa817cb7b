/** The house rules that a parser can check, as functions from source files to violations (docs/architecture.md, "Who may import whom"). */
import type { Import, SourceFile } from './source-files.js';

/** `file:line: what is wrong`. */
export type Violation = string;

interface Area {
  readonly name: string;
  readonly files: RegExp;
  /** Files of ours that it may import, beside its own. */
  readonly ours: RegExp;
  readonly packages: RegExp;
}

const NODE_OR = (packages: string): RegExp => new RegExp(`^(node:.+|${packages})$`);

/** The first area that a file falls in is its own; a source file in none of them is a violation. */
const AREAS: readonly Area[] = [
  { name: 'schema', files: /^schema\//, ours: /^schema\//, packages: /^(zod|yaml|js-yaml|node:crypto)$/ },
  { name: 'gateway/policies', files: /^gateway\/policies\//, ours: /^(schema|gateway\/policies)\//, packages: /^zod$/ },
  { name: 'gateway/catalog.ts', files: /^gateway\/catalog\.ts$/, ours: /^(schema|gateway\/policies)\//, packages: /^$/ },
  { name: 'gateway/runtime-metrics.ts', files: /^gateway\/runtime-metrics\.ts$/, ours: /^$/, packages: NODE_OR('prom-client') },
  { name: 'gateway/key-set.ts', files: /^gateway\/key-set\.ts$/, ours: /^schema\//, packages: /^(jose|node:timers\/promises|undici|zod)$/ },
  { name: 'gateway/process-settings.ts', files: /^gateway\/process-settings\.ts$/, ours: /^schema\//, packages: /^node:fs$/ },
  { name: 'gateway/product-path.ts', files: /^gateway\/product-path\.ts$/, ours: /^$/, packages: /^node:(fs|path)$/ },
  { name: 'gateway/client-address.ts', files: /^gateway\/client-address\.ts$/, ours: /^schema\//, packages: /^node:net$/ },
  { name: 'gateway/clock.ts', files: /^gateway\/clock\.ts$/, ours: /^$/, packages: /^$/ },
  { name: 'gateway/test-worlds.ts', files: /^gateway\/test-worlds\.ts$/, ours: /^(schema\/|gateway\/clock\.ts$)/, packages: /^$/ },
  {
    name: 'gateway/control-plane/console/app',
    files: /^gateway\/control-plane\/console\/app\//,
    ours: /^gateway\/control-plane\/(browser|console\/app)\//,
    packages: /^$/,
  },
  {
    name: 'gateway/control-plane/portal/app',
    files: /^gateway\/control-plane\/portal\/app\//,
    ours: /^gateway\/control-plane\/(browser\/|portal\/app\/|portal\/shapes\.ts)/,
    packages: /^jose$/,
  },
  {
    name: 'gateway/control-plane/browser',
    files: /^gateway\/control-plane\/browser\//,
    ours: /^gateway\/control-plane\/browser\//,
    packages: /^$/,
  },
  {
    name: 'gateway/control-plane',
    files: /^gateway\/control-plane\//,
    ours: /^(schema\/|gateway\/(catalog\.ts|client-address\.ts|clock\.ts|key-set\.ts|runtime-metrics\.ts|process-settings\.ts|product-path\.ts|test-worlds\.ts|policies\/|control-plane\/))/,
    packages: NODE_OR('fastify|kysely|better-sqlite3|jose|pino|prom-client|undici|lru-cache|zod'),
  },
  {
    name: 'gateway/data-plane',
    files: /^gateway\/data-plane\//,
    ours: /^(schema\/|gateway\/(catalog\.ts|client-address\.ts|clock\.ts|key-set\.ts|runtime-metrics\.ts|process-settings\.ts|product-path\.ts|test-worlds\.ts|policies\/|data-plane\/))/,
    packages: NODE_OR('jose|undici|lru-cache|pino|prom-client|zod'),
  },
  {
    name: 'cli',
    files: /^cli\//,
    ours: /^(schema\/|gateway\/(catalog|product-path)\.ts$|cli\/|package\.json$)/,
    packages: NODE_OR('@oclif/core|ink|react|string-width|undici|yaml|js-yaml|zod'),
  },
];

const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file);
const isCommand = (file: string): boolean => /^cli\/commands\//.test(file);
const at = (file: string, line: number, problem: string): Violation => `${file}:${line}: ${problem}`;

/** Source files without tests: what the rules below are about. */
const product = (files: readonly SourceFile[]): SourceFile[] => files.filter(({ file }) => !isTest(file));

/** Edges outside the table of who may import whom. */
export function foreignImports(files: readonly SourceFile[]): Violation[] {
  return product(files).flatMap((source) => {
    const area = AREAS.find(({ files: pattern }) => pattern.test(source.file));
    if (area === undefined) return [at(source.file, 1, 'The file is in none of the areas of the house.')];
    return source.imports
      .filter(({ target }) => !(isOurs(target) ? area.ours : area.packages).test(target))
      .filter(({ target }) => !(source.file === PREFLIGHT && target === 'better-sqlite3'))
      .map(({ target, line }) => at(source.file, line, `${area.name} may not import ${target}.`));
  });
}

const isOurs = (target: string): boolean => /\.(tsx?|json)$/.test(target);

/** routes -> service -> store: no file of a slice imports one that stands before it. */
export function upwardImports(files: readonly SourceFile[]): Violation[] {
  const rank = (file: string): number => ['store', 'service', 'routes'].findIndex((part) => new RegExp(`(^|[/-])${part}\\.ts$`).test(file));
  return product(files).flatMap(({ file, imports }) =>
    imports
      .filter(({ target }) => rank(file) >= 0 && isOurs(target) && rank(target) > rank(file))
      .map(({ target, line }) => at(file, line, `A slice reads routes -> service -> store; this imports ${target}.`)),
  );
}

/** The one file of the CLI that loads SQLite: whether it was built is asked before `dev` starts anything. */
const PREFLIGHT = 'cli/operations/dev/preflight.ts';

/** kysely outside of stores and `database/`; `context.ts` names its types for all slices. */
export function straySql(files: readonly SourceFile[]): Violation[] {
  const allowed = new RegExp(`(^|[/-])store\\.ts$|/database/|^gateway/control-plane/context\\.ts$|^${PREFLIGHT}$`);
  return product(files).flatMap(({ file, imports }) =>
    imports
      .filter(({ target }) => /^(kysely|better-sqlite3)$/.test(target) && !allowed.test(file))
      .map(({ target, line }) => at(file, line, `${target} is used in store.ts files and in database/ only.`)),
  );
}

const NODE_MESSAGES = ['IncomingMessage', 'ServerResponse', 'Http2ServerRequest', 'Http2ServerResponse'];

/** Node's own request and response outside of the files of the data plane that hide them from the pipeline. */
export const strayNodeMessages = (files: readonly SourceFile[]): Violation[] =>
  product(files)
    .filter(({ file }) => /^gateway\/(data-plane|policies)\//.test(file) && !/\/(intake|proxy|http-exchange)\.ts$/.test(file))
    .flatMap(({ file, imports }) =>
      imports
        .filter(({ target, names }) => /^node:http2?$/.test(target) && names.some((name) => NODE_MESSAGES.includes(name)))
        .map(({ line }) => at(file, line, "Only intake.ts, proxy.ts and http-exchange.ts know node's request and response.")),
    );

/** Files that load react or ink with themselves although they are not a view. */
export function eagerViews(files: readonly SourceFile[]): Violation[] {
  const byFile = new Map(files.map((source) => [source.file, source]));
  const drawing = new Map<string, boolean>();
  const draws = (file: string): boolean => {
    const known = drawing.get(file);
    if (known !== undefined) return known;
    drawing.set(file, false);
    const found =
      byFile.get(file)?.imports.some(({ target, isStatic }) => isStatic && (/^(ink|react)$/.test(target) || draws(target))) ?? false;
    drawing.set(file, found);
    return found;
  };
  return product(files)
    .filter(({ file }) => !file.startsWith('cli/views/') && draws(file))
    .map(({ file }) => at(file, 1, 'The file loads react or ink; views that draw are imported dynamically.'));
}

export const strayDefaultExports = (files: readonly SourceFile[]): Violation[] =>
  product(files).flatMap(({ file, defaultExports }) =>
    isCommand(file) ? [] : defaultExports.map((line) => at(file, line, 'Only a command has a default export.')),
  );

export const strayEnvironmentReads = (files: readonly SourceFile[]): Violation[] =>
  product(files).flatMap(({ file, environmentReads }) =>
    /(^|\/)(main|base-command)\.ts$/.test(file)
      ? []
      : environmentReads.map((line) => at(file, line, 'Only main.ts and base-command.ts read the environment.')),
  );

export const sideEffectsOnImport = (files: readonly SourceFile[]): Violation[] =>
  product(files).flatMap(({ file, sideEffects }) =>
    isPageScript(file) ? [] : sideEffects.map((line) => at(file, line, 'Importing a file has no effect.')),
  );

/** What a page names in its script element: it runs when it is loaded. */
const isPageScript = (file: string): boolean => /^gateway\/control-plane\/(console|portal)\/app\/(main|link)\.ts$/.test(file);

/** Code for every kind alike. Kinds, policies, `compile` and the verbs beyond put and delete (`rotate-key`, `dev`, `test`) know kinds by name; so does what translates foreign documents (`import`). */
const SHARED = /^(schema\/(?!kinds\/)|gateway\/control-plane\/resources\/|cli\/(?!operations\/(rotate-key\.ts|dev\/|test\/|import\/)))/;

/** Law 2: shared code never asks which kind or policy type it has in hand. */
export const kindQuestions = (files: readonly SourceFile[]): Violation[] =>
  product(files)
    .filter(({ file }) => SHARED.test(file))
    .flatMap(({ file, kindQuestions: lines }) =>
      lines.map((line) => at(file, line, 'Shared code asks which kind it has in hand; let the definition declare what differs.')),
    );

export const MAX_LINES = 300;

export const longFiles = (files: readonly SourceFile[]): Violation[] =>
  product(files)
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ file, lines }) => at(file, lines, `A file has at most ${MAX_LINES} lines.`));

/** Import cycles, type-only imports included; a dynamic import closes none. */
export function cycles(files: readonly SourceFile[]): Violation[] {
  const byFile = new Map(product(files).map((source) => [source.file, source]));
  const done = new Set<string>();
  const found: Violation[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) found.push(`${[...trail.slice(start), file].join(' -> ')}: files import each other.`);
    if (start >= 0 || done.has(file)) return;
    for (const next of edges(byFile.get(file))) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of byFile.keys()) walk(file, []);
  return found;
}

const edges = (source: SourceFile | undefined): string[] =>
  source?.imports.filter((edge: Import) => !edge.isDynamic && isOurs(edge.target)).map(({ target }) => target) ?? [];
