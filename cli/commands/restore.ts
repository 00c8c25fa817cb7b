import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { DataCopy } from '../operations/copy-data.js';

export default class Restore extends BaseCommand {
  static override summary = 'Put a backup in the place of a data directory whose control plane is stopped.';
  static override description =
    'What happened after the backup is undone: a key that was revoked since works again, a key that was made since does not. Everything is checked before anything is replaced.';
  static override examples = ['<%= config.bin %> restore --from backups/monday', '<%= config.bin %> restore --from backups/monday --force'];
  static override flags = {
    'data-dir': Flags.string({ summary: 'What is replaced.', default: '.stoa', helpValue: 'DIR' }),
    from: Flags.string({ summary: 'Directory that "stoactl backup" has made.', required: true, helpValue: 'DIR' }),
    force: Flags.boolean({ summary: 'Also over data that is there: it is lost.', default: false }),
  };

  protected override untouchedHint = 'All of it was restored or nothing: run it again to be sure.';

  async run(): Promise<DataCopy> {
    const { flags } = await this.parse(Restore);
    const { copyData } = await import('../operations/copy-data.js');
    const given = ['--data-dir', flags['data-dir'], ...(flags.force ? ['--force'] : [])];
    const { signal } = this.interrupted;
    const restoring = copyData({ verb: 'restore', copy: flags.from, flags: given, env: this.environment, signal });
    const copy = await this.phase('Restoring', restoring);
    return this.show(
      { schema_version: 1 as const, ...copy },
      { human: () => `${flags['data-dir']} is as it was at ${copy.made_at}. Start the control plane.\n` },
    );
  }
}
