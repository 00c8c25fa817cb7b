import * as Flags from '@oclif/core/flags';
import type { ApplyResult } from '../../schema/change.js';
import { confirmFlags, planFlags } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';

export default class Apply extends ManifestCommand {
  static override summary = 'Make what is live what is declared: plan, ask, apply in one transaction.';
  static override examples = [
    '<%= config.bin %> apply',
    '<%= config.bin %> apply -f manifests/ -R --yes',
    '<%= config.bin %> apply --prune --max-deletes 10%',
  ];
  static override flags = {
    ...planFlags,
    ...confirmFlags,
    'dry-run': Flags.boolean({ summary: 'Show the plan that would be applied, and apply nothing.', default: false }),
  };

  async run(): Promise<ApplyResult> {
    const { flags } = await this.parse(Apply);
    return this.carryOut(await this.makePlan(flags), { yes: flags.yes, dryRun: flags['dry-run'] });
  }
}
