import { DevChangeCommand, dataDirFlag, serviceArg } from '../../dev-command.js';
import type { DevChange } from '../../operations/dev/remote.js';

export default class DevRestart extends DevChangeCommand {
  static override summary = 'Restart a service of a running dev, or all; what is in flight finishes first.';
  static override examples = ['<%= config.bin %> dev restart gateway', '<%= config.bin %> dev restart -o json'];
  static override args = serviceArg;
  static override flags = dataDirFlag;

  async run(): Promise<DevChange> {
    const { args, flags } = await this.parse(DevRestart);
    return this.change(flags['data-dir'], 'restart', args.service);
  }
}
