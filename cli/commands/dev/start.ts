import { DevChangeCommand, dataDirFlag, serviceArg } from '../../dev-command.js';
import type { DevChange } from '../../operations/dev/remote.js';

export default class DevStart extends DevChangeCommand {
  static override summary = 'Start a stopped service of a running dev, or all that are stopped.';
  static override examples = ['<%= config.bin %> dev start gateway', '<%= config.bin %> dev start -o json'];
  static override args = serviceArg;
  static override flags = dataDirFlag;

  async run(): Promise<DevChange> {
    const { args, flags } = await this.parse(DevStart);
    return this.change(flags['data-dir'], 'start', args.service);
  }
}
