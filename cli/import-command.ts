/** What the commands that import share: reading the file, and manifests as the result, the report beside it. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StoaError } from '../schema/error.js';
import { BaseCommand } from './base-command.js';
import { outputFlag } from './flags.js';
import type { ImportResult } from './operations/import/report.js';
import type { ForeignDocument } from './operations/import/source.js';

export const importArgs = {
  file: Args.string({ description: 'The document: YAML or JSON, or - for stdin.', required: true, ignoreStdin: true }),
};

export const importFlags = {
  output: outputFlag(),
  'to-dir': Flags.string({ summary: 'Write one file a resource below this directory instead of stdout.', helpValue: 'DIR' }),
  force: Flags.boolean({ summary: 'With --to-dir: replace files that are there.', default: false }),
};

interface Written {
  readonly 'to-dir'?: string | undefined;
  readonly force: boolean;
}

export abstract class ImportCommand extends BaseCommand {
  protected override isVerbatim = true;

  /** The tenant that the manifests are for. Throws `usage_error` when none is named. */
  protected async tenant(): Promise<string> {
    const { tenant } = await this.settings();
    if (tenant !== undefined) return tenant;
    throw new StoaError('usage_error', 'For which tenant? Manifests belong to one.', { hint: 'Give --tenant NAME.' });
  }

  protected async read(file: string): Promise<ForeignDocument> {
    const { readDocument } = await import('./operations/import/file.js');
    const { readForeign } = await import('./operations/import/source.js');
    return readForeign(await readDocument(file), file === '-' ? '<stdin>' : file);
  }

  /** Manifests to stdout or a directory, the report to stderr; with -o json both as one object. */
  protected async finish(result: ImportResult, { 'to-dir': directory, force }: Written): Promise<ImportResult> {
    const { toYaml } = await import('./operations/manifest.js');
    if (this.format === 'human') {
      const { importText } = await import('./views/import.js');
      this.note(importText(result, this.paint(process.stderr)).trimEnd());
    }
    if (directory === undefined) return this.show(result, { human: ({ resources }) => toYaml(resources) });
    const { writeManifests } = await import('./operations/export.js');
    const written = writeManifests(result.resources, directory, force);
    return this.show(result, { human: () => `Wrote ${written} manifests below ${directory}.\n` });
  }
}
