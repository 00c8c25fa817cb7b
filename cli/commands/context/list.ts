import { BaseCommand } from '../../base-command.js';
import type { ContextList } from '../../operations/contexts.js';

export default class List extends BaseCommand {
  static override summary = 'List the contexts of your configuration, without their secrets.';
  static override examples = ['<%= config.bin %> context list', '<%= config.bin %> context list -o json'];

  async run(): Promise<ContextList> {
    await this.parse(List);
    const [{ listContexts }, { contextsText }] = await Promise.all([
      import('../../operations/contexts.js'),
      import('../../views/contexts.js'),
    ]);
    return this.show(listContexts(this.environment), { human: contextsText });
  }
}
