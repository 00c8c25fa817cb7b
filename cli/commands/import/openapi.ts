import * as Flags from '@oclif/core/flags';
import { importArgs, ImportCommand, importFlags } from '../../import-command.js';
import type { ImportResult } from '../../operations/import/report.js';

export default class ImportOpenapi extends ImportCommand {
  static override summary = 'Make an API manifest of an OpenAPI 3.0 or 3.1 document.';
  static override description =
    'Every item of the document is accounted for: what was made of it, or why nothing was. The report goes to stderr, manifests to stdout.';
  static override examples = [
    '<%= config.bin %> import openapi openapi.yaml --tenant acme > payments.yaml',
    '<%= config.bin %> import openapi spec.json --tenant acme --upstream https://api.example.com --to-dir manifests',
    'curl -fsS https://example.com/openapi.json | <%= config.bin %> import openapi - --tenant acme',
  ];
  static override args = importArgs;
  static override flags = {
    ...importFlags,
    name: Flags.string({ summary: 'Name of the API; made of the title when absent.', helpValue: 'NAME' }),
    path: Flags.string({ summary: 'Public path; the name when absent.', helpValue: '/PATH' }),
    attach: Flags.boolean({ summary: 'Keep the document with the API: its operations become MCP tools.', default: false }),
    upstream: Flags.string({ summary: 'Where the API is, in place of the servers of the document.', helpValue: 'URL' }),
  };

  async run(): Promise<ImportResult> {
    const { args, flags } = await this.parse(ImportOpenapi);
    const { importOpenApi } = await import('../../operations/import/openapi.js');
    const tenant = await this.tenant();
    const document = await this.read(args.file);
    const { name, path, upstream, attach: isAttached } = flags;
    const file = args.file === '-' ? '<stdin>' : args.file;
    return this.finish(importOpenApi(document, { file, tenant, name, path, upstream, isAttached }), flags);
  }
}
