/** What is done with a data directory beside serving it: backup and restore, as `stoactl` asks for them. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { StoaError } from '../../schema/error.js';
import { backUp, type BackupList } from './database/backup.js';
import { restore } from './database/restore.js';

interface Places {
  readonly directory: string;
  readonly other: string;
  readonly force: boolean;
}

const VERBS: Readonly<Record<string, (places: Places) => BackupList>> = {
  backup: ({ directory, other }) => backUp(directory, other, Date.now()),
  restore: ({ directory, other, force }) => restore(other, directory, force),
};

/** Carries out `backup DIRECTORY --data-dir DIRECTORY` or `restore`; undefined when the arguments ask for neither. */
export function maintain([verb = '', ...args]: readonly string[]): BackupList | undefined {
  const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (run === undefined) return undefined;
  const options = { 'data-dir': { type: 'string', default: '.stoa' }, force: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [other] = positionals;
  if (other === undefined) throw new StoaError('usage_error', `${verb} takes the directory of the backup.`);
  try {
    return run({ directory: path.resolve(values['data-dir']), other: path.resolve(other), force: values.force });
  } catch (error) {
    if (error instanceof StoaError) throw error;
    throw new StoaError('conflict', `The ${verb} failed: ${(error as Error).message}. Nothing was replaced.`, { cause: error });
  }
}
