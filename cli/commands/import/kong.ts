import { importArgs, ImportCommand, importFlags } from '../../import-command.js';
import type { ImportResult } from '../../operations/import/report.js';

export default class ImportKong extends ImportCommand {
  static override summary = 'Make manifests of a declarative configuration of Kong.';
  static override description =
    'Versions 1.1, 2.1 and 3.0. Routes become APIs, plugins policies, consumers consumers; credentials are never carried over. The report goes to stderr.';
  static override examples = [
    '<%= config.bin %> import kong kong.yaml --tenant acme > acme.yaml',
    '<%= config.bin %> import kong kong.yaml --tenant acme --to-dir manifests -o json > report.json',
  ];
  static override args = importArgs;
  static override flags = importFlags;

  async run(): Promise<ImportResult> {
    const { args, flags } = await this.parse(ImportKong);
    const { importKong } = await import('../../operations/import/kong.js');
    const tenant = await this.tenant();
    const document = await this.read(args.file);
    return this.finish(importKong(document, { file: args.file === '-' ? '<stdin>' : args.file, tenant }), flags);
  }
}
