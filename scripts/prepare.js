// Builds after an install. Without the development dependencies there is no compiler and dist/ came with the package.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const compiler = fileURLToPath(new URL('../node_modules/@typescript/native/bin/tsc', import.meta.url));
if (existsSync(compiler)) {
  for (const project of ['tsconfig.build.json', 'gateway/control-plane/console/app']) {
    const { status } = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
