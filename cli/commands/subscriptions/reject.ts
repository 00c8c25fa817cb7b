import type { ShownSubscription } from '../../operations/subscriptions.js';
import * as Flags from '@oclif/core/flags';
import { subscriptionArgs, SubscriptionCommand } from '../../subscription-command.js';

export default class SubscriptionsReject extends SubscriptionCommand {
  static override summary = 'Reject a subscription that waits for approval.';
  static override examples = ['<%= config.bin %> subscriptions reject sub-12345 --reason "no contract"'];
  static override args = subscriptionArgs;
  static override flags = { reason: Flags.string({ summary: 'Why; the client reads it in the developer portal.', helpValue: 'TEXT' }) };

  async run(): Promise<ShownSubscription> {
    const { args, flags } = await this.parse(SubscriptionsReject);
    return this.takeStep('reject', args.subscription, flags.reason);
  }
}
