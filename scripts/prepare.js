// Builds after an install. Without the development dependencies there is no compiler and dist/ came with the package.
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const compiler = new URL('../node_modules/@typescript/native/bin/tsc', import.meta.url).pathname;
if (existsSync(compiler)) process.exit(spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { stdio: 'inherit' }).status ?? 1);
