import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { ApplyResult } from '../../schema/change.js';
import { confirmFlags, manifestFlags, planFlags } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';

export default class Delete extends ManifestCommand {
  static override summary = 'Delete resources by name, or those that manifests name.';
  static override examples = ['<%= config.bin %> delete api acme/payments', '<%= config.bin %> delete -f old.yaml'];
  static override args = {
    kind: Args.string({ description: 'Kind of the resource, such as api.', ignoreStdin: true }),
    name: Args.string({ description: 'Its name, as name or tenant/name.', ignoreStdin: true }),
  };
  static override flags = {
    ...manifestFlags,
    ...confirmFlags,
    'take-ownership': planFlags['take-ownership'],
    'dry-run': Flags.boolean({ summary: 'Show what would be deleted, and delete nothing.', default: false }),
  };

  protected override interruptHint = 'All of it was deleted or nothing: run "stoactl get all" to see which.';

  async run(): Promise<ApplyResult> {
    const { args, flags } = await this.parse(Delete);
    const { deletionOf, keysOfManifests, keyOfName } = await import('../operations/delete.js');
    const settings = await this.settings();
    const keys =
      args.kind === undefined
        ? await keysOfManifests(await this.loadOptions({ ...flags, filename: flags.filename ?? [] }))
        : [await keyOfName(args.kind, args.name, flags.filename, settings.tenant, await this.client())];
    return this.carryOut(await this.planOf(deletionOf(keys, settings, flags['take-ownership'])), {
      yes: flags.yes,
      dryRun: flags['dry-run'],
    });
  }
}
