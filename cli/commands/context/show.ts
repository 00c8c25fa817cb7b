import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import type { ShownSettings } from '../../operations/contexts.js';

export default class Show extends BaseCommand {
  static override summary = 'Show what a command run here would work with, without secrets.';
  static override description =
    'Precedence: flag, environment, stoa.config.yaml, user configuration, default. A context counts for its own server alone.';
  static override examples = ['<%= config.bin %> context show --origin', '<%= config.bin %> context show --environment staging -o json'];
  static override flags = { origin: Flags.boolean({ summary: 'Say of each where it comes from.', default: false }) };

  async run(): Promise<ShownSettings> {
    const { flags } = await this.parse(Show);
    const [{ showSettings }, { settingsText }] = await Promise.all([
      import('../../operations/contexts.js'),
      import('../../views/contexts.js'),
    ]);
    return this.show(showSettings(await this.settings()), { human: (data, paint) => settingsText(data, paint, flags.origin) });
  }
}
