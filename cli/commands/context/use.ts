import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';
import type { ContextList } from '../../operations/contexts.js';

export default class Use extends BaseCommand {
  static override summary = 'Make a context the one that counts where nothing else names a server.';
  static override examples = ['<%= config.bin %> context use production'];
  static override args = { name: Args.string({ description: 'Name of the context.', required: true, ignoreStdin: true }) };

  async run(): Promise<ContextList> {
    const { args } = await this.parse(Use);
    const [{ useContext }, { contextsText }] = await Promise.all([
      import('../../operations/contexts.js'),
      import('../../views/contexts.js'),
    ]);
    return this.show(useContext(this.environment, args.name), { human: contextsText });
  }
}
