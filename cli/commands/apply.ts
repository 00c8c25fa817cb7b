import * as Args from '@oclif/core/args';
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
    '<%= config.bin %> apply plan.json --yes',
  ];
  static override args = {
    plan: Args.string({
      description: 'A plan that "diff --out" has kept: it is applied as it was shown, or refused with exit code 5.',
      ignoreStdin: true,
    }),
  };
  static override flags = {
    ...planFlags,
    ...confirmFlags,
    'dry-run': Flags.boolean({ summary: 'Show the plan that would be applied, and apply nothing.', default: false }),
  };

  async run(): Promise<ApplyResult> {
    const { args, flags } = await this.parse(Apply);
    const made = args.plan === undefined ? await this.makePlan(flags) : await this.readPlan(args.plan, flags);
    return this.carryOut(made, { yes: flags.yes, dryRun: flags['dry-run'] });
  }
}
