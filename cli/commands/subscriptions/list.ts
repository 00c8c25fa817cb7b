import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import { outputFlag } from '../../flags.js';
import type { SubscriptionListing } from '../../operations/subscriptions.js';

export default class SubscriptionsList extends BaseCommand {
  static override summary = 'List subscriptions with their state and the prefix of their key.';
  static override examples = [
    '<%= config.bin %> subscriptions list --status pending',
    '<%= config.bin %> subscriptions list --api payments -o json',
  ];
  static override flags = {
    output: outputFlag('name'),
    status: Flags.string({
      summary: 'Only those in this state.',
      options: ['pending', 'pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected'],
    }),
    api: Flags.string({ summary: 'Only those to this API: id or name.', helpValue: 'NAME' }),
    consumer: Flags.string({ summary: 'Only those of this consumer: id or name.', helpValue: 'NAME' }),
  };

  async run(): Promise<SubscriptionListing> {
    const { flags } = await this.parse(SubscriptionsList);
    const { listSubscriptions } = await import('../../operations/subscriptions.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const { status, api, consumer } = flags;
    const listing = await this.phase(`Asking ${client.server}`, listSubscriptions({ tenant, status, api, consumer }, client));
    const { subscriptionIds, subscriptionsText } = await import('../../views/subscriptions.js');
    return this.show(listing, { human: subscriptionsText, name: subscriptionIds });
  }
}
