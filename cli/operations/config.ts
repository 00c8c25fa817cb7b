/** Finds and reads stoa.config.yaml. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { StoaError } from '../../schema/error.js';
import type { ConfigFile } from '../settings.js';

export const CONFIG_NAME = 'stoa.config.yaml';

/** The nearest stoa.config.yaml of a directory and those above it; undefined when there is none. Throws `validation_error` when it is wrong. */
export async function findConfig(from: string): Promise<ConfigFile | undefined> {
  for (let directory = from; ; directory = dirname(directory)) {
    const file = join(directory, CONFIG_NAME);
    if (existsSync(file)) return readConfig(file, from);
    if (dirname(directory) === directory) return undefined;
  }
}

async function readConfig(path: string, from: string): Promise<ConfigFile> {
  const { parseConfig } = await import('../../schema/config.js');
  const file = relative(from, path);
  const { config, diagnostics } = parseConfig(readFileSync(path, 'utf8'), file);
  if (config === undefined)
    throw new StoaError('validation_error', `${file} is not valid.`, { diagnostics, hint: 'Mend it first: every command reads it.' });
  return { file, directory: dirname(path), config };
}
