/** Backup and restore of a data directory. The control plane's own program does the work: only it knows what is in one. */
import { fork } from 'node:child_process';
import { productPath } from '../../gateway/product-path.js';
import { StoaError } from '../../schema/error.js';
import { childFailure, type Failed } from './dev/service.js';

/** What `backup.json` says. */
export interface DataCopy {
  readonly made_at: string;
  readonly files: Readonly<Record<string, string>>;
}

type Message = { readonly type: 'done'; readonly result: DataCopy } | Failed;

/** Runs `backup` or `restore`. Throws what the program says. */
export function copyData(
  verb: 'backup' | 'restore',
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<DataCopy> {
  return new Promise((resolve, reject) => {
    const child = fork(productPath('bin/control-plane.js'), [verb, ...args], {
      env: { ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.once('message', (message) => {
      const told = message as Message;
      if (told.type === 'done') resolve(told.result);
      else reject(childFailure(told.error));
    });
    child.once('error', reject);
    child.once('close', (code) => reject(new StoaError('service_unavailable', `The ${verb} was cut off (${code ?? 'killed'}).`)));
  });
}
