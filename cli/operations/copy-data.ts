/** Backup and restore of a data directory. The control plane's own program does the work: only it knows what is in one. */
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve as resolvePath } from 'node:path';
import { productPath } from '../../gateway/product-path.js';
import { StoaError } from '../../schema/error.js';
import { childFailure, type Failed } from './dev/service.js';

/** What `backup.json` says. */
export interface DataCopy {
  readonly made_at: string;
  readonly files: Readonly<Record<string, string>>;
}

type Message = { readonly type: 'done'; readonly result: DataCopy } | Failed;

export interface CopyRequest {
  readonly verb: 'backup' | 'restore';
  /** The directory of the copy. */
  readonly copy: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends it; a copy that is not whole goes with it. */
  readonly signal: AbortSignal;
}

/** Runs `backup` or `restore`. Throws what the program says. */
export function copyData({ verb, copy, flags, env, signal }: CopyRequest): Promise<DataCopy> {
  return new Promise((resolve, reject) => {
    const child = fork(productPath('bin/control-plane.js'), [verb, copy, ...flags], {
      env: { ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.once('message', (message) => {
      const told = message as Message;
      if (told.type === 'done') resolve(told.result);
      else reject(childFailure(told.error));
    });
    child.once('error', reject);
    signal.addEventListener('abort', () => child.kill('SIGKILL'));
    child.once('close', (code, killedBy) => {
      if (verb === 'backup') rmSync(`${resolvePath(copy)}.part-${child.pid ?? ''}`, { recursive: true, force: true });
      reject(new StoaError('service_unavailable', `The ${verb} was cut off (${code ?? killedBy ?? 'killed'}).`, { hint: 'Run it again.' }));
    });
  });
}
