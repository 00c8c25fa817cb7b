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

export abstract class ManifestCommand extends BaseCommand {
  protected async loadOptions({ filename, recursive }: ManifestFlags, paths: readonly string[] = []): Promise<LoadOptions> {
    const named = [...(filename === undefined ? [] : [filename].flat()), ...paths];
    const { text } = await import('node:stream/consumers');
    return {
      paths: named,
      isRecursive: recursive,
      settings: await this.settings(),
      env: this.environment,
      cwd: process.cwd(),
      stdin: () => text(process.stdin),
    };
  }

  /** Reads the manifests and has the control plane make a plan of them. One request. */
  protected async makePlan(flags: PlanFlags): Promise<Made> {
    const { requestFor } = await import('./operations/change.js');
    const planned = await requestFor(await this.loadOptions(flags), {
      prune: flags.prune,
      takeOwnership: flags['take-ownership'],
      maxDeletes: flags['max-deletes'],
    });
    this.sourceLine = planned.set?.sourceLine;
    return this.planOf(planned);
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
    if (!yes) await this.confirm(`Apply to ${client.server}?`);
    this.interruptHint = 'The plan was applied whole or not at all: run "stoactl diff" to see which.';
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
