import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import { ERRORS } from '../../schema/error.js';
import { manifestFlags } from '../flags.js';
import type { FormatResult } from '../operations/format.js';

const STDIN = '-';

export default class Fmt extends BaseCommand {
  static override summary = 'Write manifests in their canonical form; comments stay, the meaning too.';
  static override description = `Fields stand in the order of the reference. Documents of other systems and JSON files are left alone. Exit code 6 with --check means that a file would be
written; without it, that a file is not YAML, and then none is written.`;
  static override examples = [
    '<%= config.bin %> fmt',
    '<%= config.bin %> fmt manifests/ -R --check',
    '<%= config.bin %> fmt --upgrade',
    '<%= config.bin %> fmt - < api.yaml',
  ];
  static override args = {
    paths: Args.string({
      description: 'Manifest files, directories or globs, or - for stdin to stdout.',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    filename: manifestFlags.filename,
    recursive: manifestFlags.recursive,
    check: Flags.boolean({ summary: 'Write nothing; exit with 6 when something would be written.', default: false }),
    upgrade: Flags.boolean({ summary: 'Also write older spellings (apiVersion, namespace) in the current one.', default: false }),
  };

  protected override isVerbatim = true;

  async run(): Promise<FormatResult> {
    const { args, flags } = await this.parse(Fmt);
    const paths = [...(flags.filename === undefined ? [] : [flags.filename].flat()), ...(args.paths ?? [])];
    const [{ formatFiles }, { formattedText }] = await Promise.all([import('../operations/format.js'), import('../views/format.js')]);
    if (paths.length === 1 && paths[0] === STDIN) return this.#stdin(flags);
    const { check, upgrade, recursive: isRecursive } = flags;
    const configFile = paths.length === 0 ? await this.configFile() : undefined;
    const result = await formatFiles({ paths, isRecursive, upgrade, check, configFile, cwd: process.cwd() });
    return this.show(result, { human: formattedText }, check && result.changed.length > 0 ? ERRORS.validation_error.exit : 0);
  }

  async #stdin({ check, upgrade }: { readonly check: boolean; readonly upgrade: boolean }): Promise<FormatResult> {
    const [{ text: read }, { formatText }] = await Promise.all([import('node:stream/consumers'), import('../operations/format.js')]);
    const text = await read(process.stdin);
    const formatted = formatText(text, upgrade);
    const isChanged = formatted !== text;
    const result: FormatResult = { schema_version: 1, files: 1, changed: isChanged ? ['<stdin>'] : [], checked: check };
    return this.show(result, { human: () => (check ? '' : formatted) }, check && isChanged ? ERRORS.validation_error.exit : 0);
  }
}
