import { resolve } from 'node:path';
import { BaseCommand } from '../../base-command.js';
import { dataDirFlag, serviceArg } from '../../dev-command.js';
import type { DevServices } from '../../operations/dev/remote.js';

export default class DevPs extends BaseCommand {
  static override summary = 'List the services of a running dev, or one: is it up and healthy, and where.';
  static override description = 'A list is no verdict: "stoactl status" says by its exit code whether all is well.';
  static override examples = ['<%= config.bin %> dev ps', '<%= config.bin %> dev ps postgres', '<%= config.bin %> dev ps -o json'];
  static override args = serviceArg;
  static override flags = dataDirFlag;

  async run(): Promise<DevServices> {
    const { args, flags } = await this.parse(DevPs);
    const { devServices } = await import('../../operations/dev/remote.js');
    const { serviceNamed } = await import('../../operations/dev/part.js');
    const { servicesText } = await import('../../views/dev-services.js');
    const services = await devServices(resolve(flags['data-dir']), args.service === undefined ? undefined : serviceNamed(args.service));
    return this.show(services, { human: (data, paint) => servicesText(data, Date.now(), paint) });
  }
}
