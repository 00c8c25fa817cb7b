import { DevChangeCommand, dataDirFlag, serviceArg } from '../../dev-command.js';
import type { DevChange } from '../../operations/dev/remote.js';

export default class DevStop extends DevChangeCommand {
  static override summary = 'Stop a service of a running dev, or all; dev itself goes on.';
  static override examples = ['<%= config.bin %> dev stop gateway', '<%= config.bin %> dev stop -o json'];
  static override args = serviceArg;
  static override flags = dataDirFlag;

  async run(): Promise<DevChange> {
    const { args, flags } = await this.parse(DevStop);
    return this.change(flags['data-dir'], 'stop', args.service);
  }
}
