/** What a gateway keeps on its disk: `config.json`, the copy of what the control plane gave, and `admin.json`, what its admin API registered. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StoaError } from '../../schema/error.js';
import type { SyncObjects } from '../../schema/sync.js';
import type { AdminObjects, ConfigSource, Position } from './config-source.js';
import { readSealed, writeSealed, writeSealedSync } from './sealed-file.js';

export interface DiskCopyOptions {
  /** Made when it is not there, mode 0700. */
  readonly directory: string;
  readonly source: Pick<ConfigSource, 'position' | 'resources' | 'subscriptions' | 'credentials' | 'adminApis' | 'adminPolicies'>;
  /** Told once of a damaged copy, and of each write that failed. */
  onProblem(problem: string): void;
  /** How long changes are gathered before the copy is written; 250 ms when absent. */
  readonly debounceMs?: number | undefined;
}

export interface DiskCopy {
  /**
   * Reads both files. A damaged copy is reported and read as nothing: the control plane gives it anew. What the admin API registered nobody has but this file,
   * and policies for routes of the control plane are among it: throws `conflict` when it is damaged, so that nothing is served without them.
   */
  load(): { readonly copy: { readonly objects: SyncObjects; readonly position: Position } | undefined; readonly admin: AdminObjects };
  /** The configuration has changed: it is written soon. A damaged copy is only replaced when `isWhole`: the control plane gave everything anew. */
  changed(isWhole: boolean): void;
  /** Writes what the admin API registered; returns when it is on the disk. Throws what the disk says when it cannot be written. */
  saveAdmin(objects: AdminObjects): void;
  /** Writes what is not written yet. */
  stop(): Promise<void>;
  /** Whether a damaged copy was found and not replaced since. */
  isDamaged(): boolean;
}

const FORMAT = 1;
const OBJECTS_PER_PIECE = 250;
const RETRY_MS = 5000;

/** The disk copy of one gateway. */
export function createDiskCopy({ directory, source, onProblem, debounceMs = 250 }: DiskCopyOptions): DiskCopy {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [configFile, adminFile] = [join(directory, 'config.json'), join(directory, 'admin.json')];
  let isDamaged = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isDirty = false;

  const schedule = (ms: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void write();
    }, ms).unref();
  };
  const write = async (): Promise<void> => {
    if (writing !== undefined) return writing.then(() => schedule(debounceMs));
    isDirty = false;
    writing = writeSealed(configFile, copyPieces(source)).catch((error: unknown) => {
      isDirty = true;
      onProblem(`${configFile} cannot be written (${messageOf(error)}). The gateway goes on and tries again.`);
      schedule(RETRY_MS);
    });
    await writing;
    writing = undefined;
  };
  const readCopy = (): ReturnType<typeof asCopy> => {
    const content = readAs(configFile, asCopy);
    isDamaged = 'reason' in content;
    if ('reason' in content) onProblem(`${configFile} is damaged: ${content.reason}. It is left untouched.`);
    return 'reason' in content ? undefined : content.value;
  };

  return {
    load: () => ({ copy: readCopy(), admin: readAdmin(adminFile) }),
    isDamaged: () => isDamaged,
    changed(isWhole) {
      if (isWhole) isDamaged = false;
      if (isDamaged || source.position === undefined) return;
      isDirty = true;
      schedule(debounceMs);
    },
    saveAdmin(objects) {
      writeSealedSync(adminFile, [JSON.stringify({ format: FORMAT, ...objects }).slice(0, -1)]);
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await writing;
      clearTimeout(timer);
      timer = undefined;
      if (isDirty && !isDamaged) await write();
      clearTimeout(timer);
    },
  };
}

/** The content of a sealed file; no value where there is none. A `reason` says why it is not whole. */
function readAs<T>(file: string, check: (value: unknown) => T | undefined): { readonly value?: T } | { readonly reason: string } {
  const content = readSealed(file);
  if (content.state === 'absent') return {};
  if (content.state === 'damaged') return { reason: content.reason };
  const value = check(content.value);
  return value === undefined ? { reason: 'another version of the gateway wrote it' } : { value };
}

function readAdmin(file: string): AdminObjects {
  const content = readAs(file, asAdmin);
  if (!('reason' in content)) return content.value ?? { apis: [], policies: [] };
  throw new StoaError(
    'conflict',
    `${file}, which holds what the admin API has registered, is damaged: ${content.reason}. It was left as it is.`,
    {
      hint: 'Put a copy of it in its place, or move it away and register again; then start the gateway.',
    },
  );
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The copy in pieces. The lists are taken at once, so that changes that come between two pieces do not mix with it. */
function copyPieces({ position, resources, subscriptions, credentials }: DiskCopyOptions['source']): string[] | Iterable<string> {
  const head = JSON.stringify({ format: FORMAT, ...position }).slice(0, -1);
  const lists = Object.entries({
    resources: [...resources.values()],
    subscriptions: [...subscriptions.values()],
    credentials: [...credentials.values()],
  });
  return {
    *[Symbol.iterator]() {
      yield head;
      for (const [name, values] of lists) {
        yield `,"${name}":[`;
        for (let start = 0; start < values.length; start += OBJECTS_PER_PIECE) {
          const slice = values.slice(start, start + OBJECTS_PER_PIECE).map((value) => JSON.stringify(value));
          yield `${start === 0 ? '\n' : ',\n'}${slice.join(',\n')}`;
        }
        yield ']';
      }
    },
  };
}

/** The checksum has shown that this is what a gateway wrote; the format says that it was one like this. */
function asCopy(value: unknown): { readonly objects: SyncObjects; readonly position: Position } | undefined {
  const { format, number, store, resources, subscriptions, credentials } = value as { readonly format: number } & Position & SyncObjects;
  return format === FORMAT ? { objects: { resources, subscriptions, credentials }, position: { number, store } } : undefined;
}

function asAdmin(value: unknown): AdminObjects | undefined {
  const { format, apis, policies } = value as { readonly format: number } & AdminObjects;
  return format === FORMAT ? { apis, policies } : undefined;
}
