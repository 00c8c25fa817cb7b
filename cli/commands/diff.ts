import * as Flags from '@oclif/core/flags';
import type { Plan } from '../../schema/change.js';
import { outputFlag, planFlags } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';

const CHANGES_PRESENT = 2;

export default class Diff extends ManifestCommand {
  static override summary = 'Show what apply would change, and change nothing.';
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff -f manifests/ -R --prune --exit-code',
    '<%= config.bin %> diff -o markdown',
  ];
  static override flags = {
    ...planFlags,
    output: outputFlag('markdown', 'unified'),
    'exit-code': Flags.boolean({ summary: 'Exit with 2 when there are changes.', default: false }),
    'fail-on': Flags.string({ summary: 'What --exit-code counts.', options: ['changes', 'breaking'], default: 'changes' }),
  };

  async run(): Promise<Plan> {
    const { flags } = await this.parse(Diff);
    const { plan } = await this.makePlan(flags);
    const { breakingChanges } = await import('../operations/change.js');
    const [{ planText }, { planMarkdown, planUnified }] = await Promise.all([
      import('../views/plan.js'),
      import('../views/plan-formats.js'),
    ]);
    const counted = flags['fail-on'] === 'breaking' ? breakingChanges(plan) : plan.changes;
    const next = `Run "stoactl apply${this.sameFlags(flags)}" to apply it.`;
    const exit = flags['exit-code'] && counted.length > 0 ? CHANGES_PRESENT : 0;
    return this.show(plan, { human: (data, paint) => planText(data, paint, { next }), markdown: planMarkdown, unified: planUnified }, exit);
  }
}
