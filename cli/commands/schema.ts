import * as Args from '@oclif/core/args';
import { BaseCommand } from '../base-command.js';
import type { JsonObject } from '../../schema/kind.js';

export default class Schema extends BaseCommand {
  static override summary = 'Print the JSON Schema of manifests, stoa.config.yaml or test files.';
  static override examples = [
    '<%= config.bin %> schema > manifest.schema.json',
    '<%= config.bin %> schema api',
    '<%= config.bin %> schema config',
  ];
  static override args = {
    kind: Args.string({ description: 'A kind, config or tests; without it, all kinds in one schema.', ignoreStdin: true }),
  };

  protected override isVerbatim = true;

  async run(): Promise<JsonObject> {
    const { args } = await this.parse(Schema);
    const { editorSchema } = await import('../operations/editor-schema.js');
    return this.show(editorSchema(args.kind), { human: (schema) => `${JSON.stringify(schema, null, 2)}\n` });
  }
}
