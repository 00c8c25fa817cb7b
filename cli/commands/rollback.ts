import * as Flags from '@oclif/core/flags';
import type { ApplyResult } from '../../schema/change.js';
import { confirmFlags, manifestFlags, planFlags } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';

export default class Rollback extends ManifestCommand {
  static override summary = 'Bring back what a project declared at a revision, as a new revision.';
  static override description = `What came later is deleted, what was deleted comes back: all of it or nothing, with the guards of an apply. Keys, counters and approvals are not declared: a
subscription that comes back has no key. Secrets are not kept in the history: they are read from where the resources say, as by an apply, and what is still there keeps its own.
Manifests on disk stay as they are, and the next apply of them brings their state again.`;
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> rollback --to 41 --dry-run',
    '<%= config.bin %> rollback --to 41 --project shop --yes',
  ];
  static override flags = {
    to: Flags.string({ summary: 'The revision whose state is wanted.', required: true, helpValue: 'REVISION' }),
    project: manifestFlags.project,
    'max-deletes': planFlags['max-deletes'],
    'take-ownership': planFlags['take-ownership'],
    ...confirmFlags,
    'dry-run': Flags.boolean({ summary: 'Show what would change, and change nothing.', default: false }),
  };

  protected override interruptHint = 'The rollback was made whole or not at all: run "stoactl history" to see which.';

  async run(): Promise<ApplyResult> {
    const { flags } = await this.parse(Rollback);
    const { planRollback } = await import('../operations/rollback.js');
    const [client, settings] = await Promise.all([this.client(), this.settings()]);
    const options = { to: flags.to, takeOwnership: flags['take-ownership'], maxDeletes: flags['max-deletes'] };
    const work = planRollback({ ...options, settings, env: this.environment, cwd: process.cwd() }, client);
    const made = await this.phase(`Planning against ${client.server}`, work);
    return this.carryOut({ ...made, client }, { yes: flags.yes, dryRun: flags['dry-run'] });
  }
}
