/** Writes every generated file of the repository: JSON Schemas and reference pages. `test/generated.test.ts` fails when one is out of date. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generatedFiles } from './generated-files.js';

const root = path.resolve(import.meta.dirname, '..');

for (const [file, text] of generatedFiles()) {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
  console.log(file);
}
