/** What the commands that read manifests or carry out a plan share. */
import { BaseCommand } from './base-command.js';
import type { Client } from './client.js';
import type { ApplyResult, Plan } from '../schema/change.js';
import type { PlannedRequest } from './operations/change.js';
import type { LoadOptions } from './operations/load.js';

export interface ManifestFlags {
  readonly filename?: readonly string[] | string | undefined;
  readonly recursive: boolean;
}

export interface PlanFlags extends ManifestFlags {
  readonly prune: boolean;
  readonly 'max-deletes'?: string | undefined;
  readonly 'take-ownership': boolean;
}

/** A plan that was made, and what it takes to apply it. */
export interface Made {
  readonly planned: PlannedRequest;
  readonly plan: Plan;
  readonly client: Client;
}

export interface CarryOut {
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** A plan that only deletes is asked for by that word. */
function questionOf({ changes }: Plan, server: string): string {
  if (changes.some(({ action }) => action !== 'delete')) return `Apply to ${server}?`;
  return `Delete ${changes.length === 1 ? 'it' : `all ${changes.length}`} from ${server}?`;
}

export abstract class ManifestCommand extends BaseCommand {
  protected override interruptHint = 'The plan was applied whole or not at all: run "stoactl diff" to see which.';

  protected async loadOptions({ filename, recursive }: ManifestFlags, paths: readonly string[] = []): Promise<LoadOptions> {
    const named = [...(filename === undefined ? [] : [filename].flat()), ...paths];
    const settings = await this.settings();
    // A large file is parsed in one go. Whoever listens to what is interrupted, as the client does, has it answered again.
    this.answerInterrupts(false);
    return { paths: named, isRecursive: recursive, settings, env: this.environment, cwd: process.cwd(), stdin: () => this.#readStdin() };
  }

  async #readStdin(): Promise<string> {
    const { text } = await import('node:stream/consumers');
    const before = this.answerInterrupts(true);
    try {
      return await text(process.stdin);
    } finally {
      this.answerInterrupts(before);
    }
  }

  /** Reads the manifests and has the control plane make a plan of them. One request. */
  protected async makePlan(flags: PlanFlags, { isKept = false } = {}): Promise<Made> {
    return this.planOf(await this.#request(flags, isKept));
  }

  async #request(flags: PlanFlags, isKept: boolean): Promise<PlannedRequest> {
    const { requestFor } = await import('./operations/change.js');
    const { prune, 'take-ownership': takeOwnership, 'max-deletes': maxDeletes } = flags;
    const planned = await requestFor(await this.loadOptions(flags), { prune, takeOwnership, maxDeletes, isKept });
    this.sourceLine = planned.set?.sourceLine;
    return planned;
  }

  /** Keeps a plan in a file. One that is refused is shown, and not kept. */
  protected async keepPlan(out: string, { planned, plan }: Made, flags: PlanFlags): Promise<void> {
    const [{ writePlanFile }, { applySource, refusalOf }] = await Promise.all([
      import('./operations/plan-file.js'),
      import('./operations/change.js'),
    ]);
    const refusal = refusalOf(plan);
    if (refusal !== undefined && this.format === 'human') {
      const { planText } = await import('./views/plan.js');
      this.print(planText(plan, this.paint(process.stdout)));
    }
    if (refusal !== undefined) throw refusal;
    const settings = await this.settings();
    const filename = flags.filename === undefined ? [] : [flags.filename].flat();
    const source = applySource(this.environment);
    writePlanFile(out, { plan, planned, settings, flags, filename, source, now: new Date(), cwd: process.cwd() });
  }

  /** A plan that was kept, once it is certain that it still holds. Throws `conflict` when it does not. */
  protected async readPlan(path: string, given: Readonly<Record<string, unknown>>): Promise<Made> {
    const { planAgain, readPlanFile, requireNoMoreFiles, requireSameFiles, requireSameFlags } = await import('./operations/plan-file.js');
    const cwd = process.cwd();
    const file = readPlanFile(path, cwd);
    requireSameFlags(file, given, cwd);
    requireSameFiles(file, cwd);
    const { environment, tenant, project } = file.options;
    this.settle({ environment, tenant, project });
    const planned = await this.#request(file.options, true);
    requireNoMoreFiles(file, planned.set?.texts ?? []);
    const client = await this.client();
    return { planned, client, plan: await this.phase(`Planning against ${client.server}`, planAgain(file, planned, client)) };
  }

  protected async planOf(planned: PlannedRequest): Promise<Made> {
    const { plan } = await import('./operations/change.js');
    const client = await this.client();
    return { planned, client, plan: await this.phase(`Planning against ${client.server}`, plan(planned, client)) };
  }

  /** Shows the plan, asks, and applies what was shown. Throws the refusal of a plan that may not be applied. */
  protected async carryOut({ planned, plan, client }: Made, { yes, dryRun }: CarryOut): Promise<ApplyResult> {
    const { applyPlan, applySource, refusalOf, unchanged } = await import('./operations/change.js');
    const { appliedText, planText } = await import('./views/plan.js');
    if (this.format === 'human') this.print(planText(plan, this.paint(process.stdout)));
    else if (!yes && !dryRun && this.isInteractive) this.note(planText(plan, this.paint(process.stderr)));
    const refusal = refusalOf(plan);
    if (refusal !== undefined) throw refusal;
    if (dryRun || plan.changes.length === 0)
      return this.show(unchanged(plan), { human: () => (dryRun && plan.changes.length > 0 ? 'Dry run: nothing was changed.\n' : '') });
    if (!yes) await this.confirm(questionOf(plan, client.server), 'Look at the plan above, then run the command again with --yes.');
    const result = await this.phase(`Applying to ${client.server}`, applyPlan(planned, plan, applySource(this.environment), client));
    return this.show(result, { human: appliedText });
  }

  /** The flags of this call that the next command needs as well. */
  protected sameFlags(flags: Readonly<Record<string, unknown>>): string {
    const kept = ['filename', 'recursive', 'environment', 'tenant', 'server', 'project', 'prune', 'max-deletes', 'take-ownership'];
    const short: Readonly<Record<string, string>> = { filename: '-f', recursive: '-R' };
    const quote = (text: string): string => (/^[\w./:=%@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
    return kept
      .flatMap((name) => {
        const value = flags[name];
        const flag = short[name] ?? `--${name}`;
        if (value === true) return [` ${flag}`];
        return [value]
          .flat()
          .filter((item) => typeof item === 'string')
          .map((item) => ` ${flag} ${quote(item)}`);
      })
      .join('');
  }
}
