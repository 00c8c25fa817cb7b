import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import { outputFlag } from '../flags.js';
import type { Listing } from '../operations/inspect.js';

export default class Get extends BaseCommand {
  static override summary = 'List what is live, or show one resource.';
  static override examples = [
    '<%= config.bin %> get apis',
    '<%= config.bin %> get api acme/payments -o yaml',
    '<%= config.bin %> get all -l team=payments',
  ];
  static override args = {
    kind: Args.string({ description: 'Kind, such as API, api or apis; or all.', required: true, ignoreStdin: true }),
    name: Args.string({ description: 'Name of one resource, as name or tenant/name.', ignoreStdin: true }),
  };
  static override flags = {
    output: outputFlag('yaml', 'wide', 'name'),
    selector: Flags.string({
      char: 'l',
      summary: 'Only resources with these labels: a=b,c!=d,e.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'LABELS',
    }),
    project: Flags.string({ summary: 'Only what this project owns.', helpValue: 'NAME' }),
  };

  async run(): Promise<Listing> {
    const { args, flags } = await this.parse(Get);
    const { getResources } = await import('../operations/inspect.js');
    const { tenant } = await this.settings();
    const query = { kind: args.kind, name: args.name, tenant, project: flags.project, labels: [flags.selector ?? []].flat() };
    const client = await this.client();
    const listing = await this.phase(`Asking ${client.server}`, getResources(query, client));
    const views = await import('../views/resources.js');
    return this.show(listing, { human: views.listingText, wide: views.wideText, name: views.namesText, yaml: views.listingYaml });
  }
}
