import * as Flags from '@oclif/core/flags';
import type { Plan } from '../../schema/change.js';
import { StoaError } from '../../schema/error.js';
import type { Impact } from '../../schema/impact.js';
import { outputFlag, planFlags } from '../flags.js';
import { ManifestCommand, type Made } from '../manifest-command.js';

const CHANGES_PRESENT = 2;

/** The plan, and with `--impact` what it would have done. */
type PlanWithImpact = Plan & { readonly impact?: Impact };

export default class Diff extends ManifestCommand {
  static override summary = 'Show what apply would change, and change nothing.';
  static override description = `A plan that is kept with --out holds no secret: what is shown, digests of the manifests, and the versions that it starts from. "apply PLAN" reads the
manifests again and refuses, with exit code 5, when they or one of the resources have changed since.`;
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff -f manifests/ -R --prune --exit-code',
    '<%= config.bin %> diff -o markdown',
    '<%= config.bin %> diff --environment production --prune --out plan.json',
    'kubectl logs -l app=stoa-gateway --prefix --tail=-1 --since=48h | <%= config.bin %> diff --environment production --impact 24h --log -',
  ];
  static override flags = {
    ...planFlags,
    output: outputFlag('markdown', 'unified'),
    'exit-code': Flags.boolean({ summary: 'Exit with 2 when there are changes.', default: false }),
    'fail-on': Flags.string({
      summary: 'What --exit-code counts; "impact" are requests that would have been refused.',
      options: ['changes', 'breaking', 'impact'],
      default: 'changes',
    }),
    impact: Flags.string({
      summary: 'Replay what gateways have recorded in this time, and say what the change would have done to it.',
      helpValue: 'DURATION|TIME',
    }),
    log: Flags.string({
      summary:
        'For --impact: log of a gateway, or - for stdin; one for each gateway, or of several whose lines begin with their container or pod. Without it those of "stoactl dev".',
      multiple: true,
      helpValue: 'FILE',
    }),
    out: Flags.string({ summary: 'Keep the plan in a file, for "apply PLAN".', helpValue: 'FILE' }),
  };

  async run(): Promise<PlanWithImpact> {
    const { flags } = await this.parse(Diff);
    requireImpact(flags);
    if (flags.impact !== undefined) {
      const { requireReplayable } = await import('../operations/impact/run.js');
      await requireReplayable(flags.impact, flags.log ?? [], (await this.settings()).server);
    }
    const made = await this.makePlan(flags, { isKept: flags.out !== undefined });
    if (flags.out !== undefined) await this.keepPlan(flags.out, made, flags);
    const plan = await this.#withImpact(made, flags);
    const [{ planText }, { planMarkdown, planUnified }, { impactText }] = await Promise.all([
      import('../views/plan.js'),
      import('../views/plan-formats.js'),
      import('../views/impact.js'),
    ]);
    const next = `Run "stoactl apply${flags.out === undefined ? this.sameFlags(flags) : ` ${flags.out}`}" to apply it.`;
    const human = (data: PlanWithImpact, paint: Parameters<typeof planText>[1]): string =>
      (data.impact === undefined ? '' : `${impactText(data.impact, paint)}\n`) + planText(data, paint, { next });
    const isFailure = flags['exit-code'] && (await this.#counted(plan, flags['fail-on'])) > 0;
    return this.show(plan, { human, markdown: planMarkdown, unified: planUnified }, isFailure ? CHANGES_PRESENT : 0);
  }

  /** A plan that changes nothing, or that is refused, has no impact. */
  async #withImpact(made: Made, { impact: since, log: logs = [] }: ImpactFlags): Promise<PlanWithImpact> {
    const { plan, planned, client } = made;
    if (since === undefined || plan.changes.length === 0 || plan.refusals.length > 0) return plan;
    const { findImpact } = await import('../operations/impact/run.js');
    const { environment: env, interrupted } = this;
    const options = { plan, planned, client, since, logs, env, stdin: process.stdin, now: Date.now(), signal: interrupted.signal };
    return { ...plan, impact: await this.phase('Replaying recorded requests', findImpact(options)) };
  }

  async #counted(plan: PlanWithImpact, what: string): Promise<number> {
    if (what === 'impact') return plan.impact?.summary.refused ?? 0;
    const { breakingChanges } = await import('../operations/change.js');
    return (what === 'breaking' ? breakingChanges(plan) : plan.changes).length;
  }
}

interface ImpactFlags {
  readonly impact?: string | undefined;
  readonly log?: readonly string[] | undefined;
}

/** Throws `usage_error` for what has no meaning without, or beside, `--impact`. */
function requireImpact({
  impact,
  log,
  filename = [],
  'fail-on': failOn,
}: ImpactFlags & { readonly filename?: readonly string[]; readonly 'fail-on': string }): void {
  if (impact === undefined && (log !== undefined || failOn === 'impact'))
    throw new StoaError('usage_error', `${log === undefined ? '--fail-on impact' : '--log'} goes with --impact.`, {
      hint: 'Add --impact 24h.',
    });
  if (log?.includes('-') === true && filename.includes('-'))
    throw new StoaError('usage_error', 'Manifests and a log cannot both come from stdin.', { hint: 'Give one of them as a file.' });
}
