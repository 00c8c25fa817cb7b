import * as Args from '@oclif/core/args';
import { BaseCommand } from '../base-command.js';

export default class CompleteNames extends BaseCommand {
  static override summary = 'Names of what is live, one a line: what completion scripts ask for.';
  static override hidden = true;
  static override examples = ['<%= config.bin %> complete-names apis'];
  static override args = { kind: Args.string({ description: 'Kind, such as apis.', required: true, ignoreStdin: true }) };

  protected override isVerbatim = true;

  async run(): Promise<{ readonly schema_version: 1; readonly names: readonly string[] }> {
    const { args, flags } = await this.parse(CompleteNames);
    const { liveNames } = await import('../operations/live-names.js');
    this.settle({ timeout: flags.timeout ?? '1s' });
    const query = { kind: args.kind, env: this.environment, now: Date.now(), settings: () => this.settings(), client: () => this.client() };
    return this.show(
      { schema_version: 1 as const, names: await liveNames(query) },
      { human: ({ names }) => names.map((name) => `${name}\n`).join('') },
    );
  }
}
