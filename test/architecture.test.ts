import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as rules from './helpers/house-rules.js';
import { listSourceFiles, parseSource, readSource, type SourceFile } from './helpers/source-files.js';

const root = path.resolve(import.meta.dirname, '..');
const files = listSourceFiles(root, ['schema', 'gateway', 'cli']).map((file) => readSource(root, file));

/** Each rule with a file that breaks it: a rule that finds nothing in its own counter-example checks nothing. */
const HOUSE_RULES: readonly {
  readonly promise: string;
  readonly check: (files: readonly SourceFile[]) => string[];
  readonly planted: Readonly<Record<string, string>>;
}[] = [
  {
    promise: 'no part imports what the house does not let it',
    check: rules.foreignImports,
    planted: { 'schema/planted.ts': "import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;" },
  },
  {
    promise: 'the control plane and the data plane never import each other',
    check: rules.foreignImports,
    planted: { 'gateway/data-plane/planted.ts': "export type { Actor } from '../control-plane/context.js';" },
  },
  {
    promise: 'the CLI imports neither server, not even dynamically',
    check: rules.foreignImports,
    planted: { 'cli/operations/planted.ts': "export const load = () => import('../../gateway/data-plane/main.js');" },
  },
  {
    promise: 'a slice reads routes, service, store',
    check: rules.upwardImports,
    planted: { 'gateway/control-plane/audit/store.ts': "export { auditRoutes } from './routes.js';" },
  },
  {
    promise: 'SQL is written in stores and in database/ only',
    check: rules.straySql,
    planted: { 'gateway/control-plane/audit/routes.ts': "import { sql } from 'kysely';\nexport const planted = sql;" },
  },
  {
    promise: 'the pipeline never sees a request or response of node',
    check: rules.strayNodeMessages,
    planted: {
      'gateway/data-plane/pipeline.ts': "import type { IncomingMessage } from 'node:http';\nexport type Planted = IncomingMessage;",
    },
  },
  {
    promise: 'react and ink are loaded only by the views that draw',
    check: rules.eagerViews,
    planted: {
      'cli/operations/planted.ts': "export { View } from '../views/planted.js';",
      'cli/views/planted.ts': "export { Box as View } from 'ink';",
    },
  },
  {
    promise: 'exports are named, commands excepted',
    check: rules.strayDefaultExports,
    planted: { 'schema/planted.ts': 'const planted = 1;\nexport { planted as default };' },
  },
  {
    promise: 'the environment is read in main.ts and base-command.ts only',
    check: rules.strayEnvironmentReads,
    planted: { 'cli/client.ts': 'export const token = process.env.STOA_TOKEN;' },
  },
  {
    promise: 'importing a file has no effect',
    check: rules.sideEffectsOnImport,
    planted: { 'schema/planted.ts': "export const planted = new Map();\nplanted.set('a', 1);" },
  },
  {
    promise: 'shared code never asks which kind it has in hand',
    check: rules.kindQuestions,
    planted: { 'schema/planted.ts': "export const isApi = (resource: { kind: string }) => resource.kind === 'API';" },
  },
  {
    promise: `no file has more than ${rules.MAX_LINES} lines`,
    check: rules.longFiles,
    planted: { 'schema/planted.ts': 'export {};\n'.repeat(rules.MAX_LINES + 1) },
  },
  {
    promise: 'no files import each other in a circle',
    check: rules.cycles,
    planted: {
      'schema/planted-one.ts': "export { two } from './planted-two.js';",
      'schema/planted-two.ts': "import type { one } from './planted-one.js';\nexport const two = 1 as unknown as typeof one;",
    },
  },
];

describe('the house', () => {
  it('is read whole: the checks below see its files and imports', () => {
    const imports = files.flatMap((source) => source.imports);

    expect(files.length).toBeGreaterThan(40);
    expect(imports.length).toBeGreaterThan(100);
    expect(imports.filter(({ target }) => target === 'zod').length).toBeGreaterThan(5);
    expect(files.map(({ file }) => file)).toContain('gateway/catalog.ts');
  });

  it.each(HOUSE_RULES)('holds: $promise', ({ check }) => {
    expect(check(files)).toEqual([]);
  });

  it.each(HOUSE_RULES)('notices when it does not hold that $promise', ({ check, planted }) => {
    const culprits = Object.entries(planted).map(([file, text]) => parseSource(root, file, text));

    expect(check(culprits)).not.toEqual([]);
  });

  it('imports nothing that does not exist', () => {
    const known = new Set(listSourceFiles(root, ['schema', 'gateway', 'cli', 'test', 'scripts']));
    const missing = files.flatMap(({ file, imports }) =>
      imports.filter(({ target }) => /\.tsx?$/.test(target) && !known.has(target)).map(({ target }) => `${file} imports ${target}`),
    );

    expect(missing).toEqual([]);
  });
});
