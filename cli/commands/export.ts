import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { Listing } from '../operations/inspect.js';

export default class Export extends BaseCommand {
  static override summary = 'Write manifests of what is live; secrets stay references.';
  static override examples = ['<%= config.bin %> export > live.yaml', '<%= config.bin %> export --tenant acme --to-dir manifests'];
  static override flags = {
    project: Flags.string({ summary: 'Only what this project owns.', helpValue: 'NAME' }),
    selector: Flags.string({
      char: 'l',
      summary: 'Only resources with these labels: a=b,c!=d,e.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'LABELS',
    }),
    'to-dir': Flags.string({ summary: 'Write one file a resource below this directory instead of stdout.', helpValue: 'DIR' }),
    force: Flags.boolean({ summary: 'With --to-dir: replace files that are there.', default: false }),
  };

  protected override isVerbatim = true;

  async run(): Promise<Listing> {
    const { flags } = await this.parse(Export);
    const { getResources } = await import('../operations/inspect.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const query = { kind: 'all', name: undefined, tenant, project: flags.project, labels: [flags.selector ?? []].flat(), isSettled: true };
    const listing = await this.phase(`Asking ${client.server}`, getResources(query, client));
    const [{ listingYaml }, { missingSecrets, writeManifests }] = await Promise.all([
      import('../views/resources.js'),
      import('../operations/export.js'),
    ]);
    for (const line of missingSecrets(listing.resources)) this.note(line);
    const directory = flags['to-dir'];
    if (directory === undefined) return this.show(listing, { human: listingYaml });
    const written = writeManifests(listing.resources, directory, flags.force);
    return this.show(listing, { human: () => `Wrote ${written} manifests below ${directory}.\n` });
  }
}
