import * as Flags from '@oclif/core/flags';
import type { Plan } from '../../schema/change.js';
import { outputFlag, planFlags } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';

const CHANGES_PRESENT = 2;

export default class Diff extends ManifestCommand {
  static override summary = 'Show what apply would change, and change nothing.';
  static override description = `A plan that is kept with --out holds no secret: what is shown, digests of the manifests, and the versions that it starts from. "apply PLAN" reads the
manifests again and refuses, with exit code 5, when they or one of the resources have changed since.`;
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff -f manifests/ -R --prune --exit-code',
    '<%= config.bin %> diff -o markdown',
    '<%= config.bin %> diff --environment production --prune --out plan.json',
  ];
  static override flags = {
    ...planFlags,
    output: outputFlag('markdown', 'unified'),
    'exit-code': Flags.boolean({ summary: 'Exit with 2 when there are changes.', default: false }),
    'fail-on': Flags.string({ summary: 'What --exit-code counts.', options: ['changes', 'breaking'], default: 'changes' }),
    out: Flags.string({ summary: 'Keep the plan in a file, for "apply PLAN".', helpValue: 'FILE' }),
  };

  async run(): Promise<Plan> {
    const { flags } = await this.parse(Diff);
    const made = await this.makePlan(flags, { isKept: flags.out !== undefined });
    const { plan } = made;
    const { breakingChanges } = await import('../operations/change.js');
    const [{ planText }, { planMarkdown, planUnified }] = await Promise.all([
      import('../views/plan.js'),
      import('../views/plan-formats.js'),
    ]);
    if (flags.out !== undefined) await this.keepPlan(flags.out, made, flags);
    const counted = flags['fail-on'] === 'breaking' ? breakingChanges(plan) : plan.changes;
    const next = `Run "stoactl apply${flags.out === undefined ? this.sameFlags(flags) : ` ${flags.out}`}" to apply it.`;
    const exit = flags['exit-code'] && counted.length > 0 ? CHANGES_PRESENT : 0;
    return this.show(plan, { human: (data, paint) => planText(data, paint, { next }), markdown: planMarkdown, unified: planUnified }, exit);
  }
}
