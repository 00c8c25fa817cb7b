import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import { outputFlag } from '../../flags.js';
import type { StaleKeys } from '../../operations/keys.js';

export default class KeysStale extends BaseCommand {
  static override summary = 'List active keys that are due for a rotation.';
  static override description = 'With --exit-code a pipeline notices: the exit code is 2 when there are any.';
  static override examples = ['<%= config.bin %> keys stale', '<%= config.bin %> keys stale --older-than 30d --exit-code'];
  static override flags = {
    output: outputFlag('name'),
    'older-than': Flags.string({ summary: 'How old a key may be.', default: '90d', helpValue: 'DURATION' }),
    'exit-code': Flags.boolean({ summary: 'Exit with 2 when a key is older.', default: false }),
    subscription: Flags.string({ summary: 'Only keys of this subscription: name, tenant/name or id.', helpValue: 'NAME' }),
  };

  async run(): Promise<StaleKeys> {
    const { flags } = await this.parse(KeysStale);
    const { staleKeys } = await import('../../operations/keys.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const query = { tenant, subscription: flags.subscription, now: Date.now() };
    const stale = await this.phase(`Asking ${client.server}`, staleKeys(query, flags['older-than'], client));
    const { keyIds, staleText } = await import('../../views/keys.js');
    return this.show(stale, { human: staleText, name: keyIds }, flags['exit-code'] && stale.keys.length > 0 ? 2 : 0);
  }
}
