import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import { outputFlag } from '../../flags.js';
import type { KeyListing } from '../../operations/keys.js';

export default class KeysList extends BaseCommand {
  static override summary = 'List API keys: whose they are, how old, and when they were used last.';
  static override examples = ['<%= config.bin %> keys list', '<%= config.bin %> keys list --subscription acme/mobile-app -o json'];
  static override flags = {
    output: outputFlag('name'),
    subscription: Flags.string({ summary: 'Only keys of this subscription: name, tenant/name or id.', helpValue: 'NAME' }),
  };

  async run(): Promise<KeyListing> {
    const { flags } = await this.parse(KeysList);
    const { listKeys } = await import('../../operations/keys.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const query = { tenant, subscription: flags.subscription, now: Date.now() };
    const listing = await this.phase(`Asking ${client.server}`, listKeys(query, client));
    const { keyIds, keysText } = await import('../../views/keys.js');
    return this.show(listing, { human: keysText, name: keyIds });
  }
}
