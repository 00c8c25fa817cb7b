import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { DataCopy } from '../operations/copy-data.js';

export default class Backup extends BaseCommand {
  static override summary = 'Copy the data directory of a control plane, which may run meanwhile.';
  static override description =
    'The copy holds the keys that open every secret in it: keep it as safe as the directory itself. Run it on the machine of the control plane.';
  static override examples = ['<%= config.bin %> backup --to backups/monday'];
  static override flags = {
    'data-dir': Flags.string({ summary: 'What is copied.', default: '.stoa', helpValue: 'DIR' }),
    to: Flags.string({ summary: 'Directory of the copy; it must not be there.', required: true, helpValue: 'DIR' }),
  };

  protected override untouchedHint = 'There is no copy.';

  async run(): Promise<DataCopy> {
    const { flags } = await this.parse(Backup);
    const { copyData } = await import('../operations/copy-data.js');
    const { signal } = this.interrupted;
    const copying = copyData({ verb: 'backup', copy: flags.to, flags: ['--data-dir', flags['data-dir']], env: this.environment, signal });
    const copy = await this.phase('Copying', copying);
    return this.show(
      { schema_version: 1 as const, ...copy },
      {
        human: () =>
          `Wrote ${Object.keys(copy.files).join(', ')} to ${flags.to}. With these keys every secret can be read: keep them safe.\n`,
      },
    );
  }
}
