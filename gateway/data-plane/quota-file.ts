/** The counts of quotas on the disk: written each second when they have changed, so that a restart does not refill them. */
import { join } from 'node:path';
import type { QuotaRow, QuotaTable } from './quotas.js';
import { jsonItems, readSealed, writeSealed, writeSealedSync, type Pieces } from './sealed-file.js';

export interface QuotaFileOptions {
  readonly quotas: QuotaTable;
  /** Directory of this gateway. */
  readonly directory: string;
  /** Tells for which subjects something is still counted; the others are forgotten. Asked once for each writing. */
  known(): (subject: string) => boolean;
  onProblem(problem: string): void;
}

const SAVE_MS = 1000;

/** Reads what is there and begins to write. A damaged file is reported, and counts begin anew. */
export function keepQuotas({ quotas, directory, known, onProblem }: QuotaFileOptions): { stop(): Promise<void> } {
  const file = join(directory, 'quotas.json');
  const content = readSealed(file);
  if (content.state === 'whole') quotas.restore((content.value as { readonly rows: readonly QuotaRow[] }).rows);
  if (content.state === 'damaged') onProblem(`${file} is damaged: ${content.reason}. Quotas are counted anew.`);
  let saved = quotas.version;
  let saving: Promise<void> | undefined;
  const pieces = function* (): Pieces {
    yield '{"format":1,"rows":[';
    yield* jsonItems(quotas.rows(known()));
    yield ']';
  };
  const problem = (error: unknown): void =>
    onProblem(`${file} cannot be written (${error instanceof Error ? error.message : String(error)}).`);
  const save = async (): Promise<void> => {
    const { version } = quotas;
    await writeSealed(file, pieces());
    saved = version;
  };
  const timer = setInterval(() => {
    if (quotas.version !== saved)
      saving ??= save()
        .catch(problem)
        .finally(() => (saving = undefined));
  }, SAVE_MS).unref();
  return {
    async stop() {
      clearInterval(timer);
      await saving;
      if (quotas.version === saved) return;
      try {
        writeSealedSync(file, pieces());
      } catch (error) {
        problem(error);
      }
    },
  };
}
