import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { History as Revisions } from '../operations/history.js';

export default class History extends BaseCommand {
  static override summary = 'Show revisions: who applied what, when, from which commit.';
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history 42',
    '<%= config.bin %> history --project shop --tenant acme -o json',
  ];
  static override args = {
    revision: Args.string({ description: 'Number of one revision: what it changed, field by field.', ignoreStdin: true }),
  };
  static override flags = {
    project: Flags.string({ summary: 'Only revisions of this project.', helpValue: 'NAME' }),
    limit: Flags.string({ summary: 'At most so many.', default: '20', helpValue: 'N' }),
  };

  async run(): Promise<Revisions> {
    const { args, flags } = await this.parse(History);
    const { readHistory } = await import('../operations/history.js');
    const { historyText } = await import('../views/history.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const query = { revision: args.revision, tenant, project: flags.project, limit: flags.limit };
    return this.show(await this.phase(`Asking ${client.server}`, readHistory(query, client)), { human: historyText });
  }
}
