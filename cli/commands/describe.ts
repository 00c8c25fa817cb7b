import * as Args from '@oclif/core/args';
import { BaseCommand } from '../base-command.js';
import { outputFlag } from '../flags.js';
import type { Description } from '../operations/inspect.js';

export default class Describe extends BaseCommand {
  static override summary = 'Show all there is to know about one resource, with what has happened to it.';
  static override examples = [
    '<%= config.bin %> describe api acme/payments',
    '<%= config.bin %> describe subscription mobile --tenant acme',
  ];
  static override args = {
    kind: Args.string({ description: 'Kind, such as API, api or apis.', required: true, ignoreStdin: true }),
    name: Args.string({ description: 'Its name, as name or tenant/name.', required: true, ignoreStdin: true }),
  };
  static override flags = { output: outputFlag('yaml') };

  async run(): Promise<Description> {
    const { args } = await this.parse(Describe);
    const [{ describeResource }, { findKind }] = await Promise.all([import('../operations/inspect.js'), import('../operations/kinds.js')]);
    const { tenant } = await this.settings();
    const client = await this.client();
    const description = await this.phase(`Asking ${client.server}`, describeResource(findKind(args.kind), args.name, tenant, client));
    const { descriptionText, descriptionYaml } = await import('../views/resources.js');
    return this.show(description, { human: descriptionText, yaml: descriptionYaml });
  }
}
