/**
 * What the hot functions, queries of metrics, the REST API and the CLI cost: each function beside a yardstick, each query beside its plain reading, each command beside
 * `node -e 0`.
 * `npm run bench -- --write` puts the tables into docs/performance.md; `--only functions`, `--only metrics`, `--only rest` or `--only cli` runs one part.
 */
import { parseArgs } from 'node:util';
import { benchCli } from './cli.js';
import { benchFunctions } from './functions.js';
import { benchMetrics } from './metrics.js';
import { machine, writeSection } from './lib/page.js';
import { benchRest } from './rest.js';

const SECTIONS: Readonly<Record<string, () => string | Promise<string>>> = {
  functions: benchFunctions,
  metrics: benchMetrics,
  rest: benchRest,
  cli: benchCli,
};

const { values } = parseArgs({ options: { only: { type: 'string' }, write: { type: 'boolean', default: false } } });

for (const [name, bench] of Object.entries(SECTIONS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const text = `${machine()}.\n\n${await bench()}`;
  console.log(`\n${text}`);
  if (values.write) await writeSection(name, text);
}
