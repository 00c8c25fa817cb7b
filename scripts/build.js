// Builds dist/ anew (docs/decisions/0018-bundled-build.md). Runs after an install, too: without the development dependencies there is no bundler, and
// dist/ came with the package.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const target = path.join(root, 'dist');
/** Nothing is half built: dist/ is replaced when all of it is there. */
const fresh = path.join(root, 'dist.new');

const commands = readdirSync(path.join(root, 'cli/commands'), { recursive: true })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => path.join('cli/commands', file));
const servers = ['gateway/control-plane/main.ts', 'gateway/data-plane/main.ts'];
/** What `npm run bench` starts in its own process. */
const measured = ['gateway/control-plane/start.ts', 'gateway/control-plane/settings.ts'];
/** What browsers load, site by site: scripts and styles. */
const sites = {
  console: ['console/app/main.ts', 'console/app/link.ts', 'console/pages/console.css'],
  portal: ['portal/app/main.ts', 'portal/pages/portal.css'],
};

const common = { absWorkingDir: root, bundle: true, splitting: true, format: 'esm', logLevel: 'warning' };
const esbuild = await import('esbuild').catch((error) => {
  if (error.code === 'ERR_MODULE_NOT_FOUND' && existsSync(target)) return undefined;
  throw error;
});
if (esbuild !== undefined) {
  rmSync(fresh, { recursive: true, force: true });
  await esbuild.build({
    ...common,
    entryPoints: ['cli/main.ts', ...commands, ...servers, ...measured],
    outbase: '.',
    outdir: fresh,
    platform: 'node',
    target: 'node20.19',
    chunkNames: 'chunks/[name]-[hash]',
    // Native code, and what a library would load only on a developer's machine.
    external: ['better-sqlite3', 'typescript', 'react-devtools-core'],
    // Packages in CommonJS ask for modules of Node.js by `require`.
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  });
  for (const [site, files] of Object.entries(sites))
    await esbuild.build({
      ...common,
      entryPoints: files.map((file) => path.join('gateway/control-plane', file)),
      outdir: path.join(fresh, site),
      platform: 'browser',
      target: 'es2022',
      entryNames: '[name]',
      chunkNames: '[name]',
    });
  writeFileSync(path.join(fresh, 'oclif.manifest.json'), JSON.stringify(await listCommands(fresh)));
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
}

/** What help and the search for a command need to know of all commands, so that only the one that runs is loaded. */
async function listCommands(directory) {
  const { Config } = await import('@oclif/core');
  const pjson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const config = await Config.load({
    root: directory,
    pjson,
    ignoreManifest: true,
    respectNoCacheDefault: true,
    errorOnManifestCreate: true,
  });
  const { manifest } = config.plugins.get(pjson.name);
  for (const command of Object.values(manifest.commands)) command.usage ??= usageOf(command);
  return manifest;
}

/** What a command needs, on one line; its flags, and those that all commands have, are listed below it. */
function usageOf({ args, flags }) {
  const named = Object.values(args).map(({ name, required, multiple }) => {
    const shown = `${name.toUpperCase()}${multiple === true ? '...' : ''}`;
    return required === true ? shown : `[${shown}]`;
  });
  const needed = Object.values(flags).filter(({ required }) => required === true);
  return [
    '<%= command.id %>',
    ...named,
    ...needed.map(({ name, helpValue }) => `--${name} ${helpValue ?? name.toUpperCase()}`),
    '[FLAGS]',
  ].join(' ');
}
