import type { ShownSubscription } from '../../operations/subscriptions.js';
import { reasonFlags, subscriptionArgs, SubscriptionCommand } from '../../subscription-command.js';

export default class SubscriptionsResume extends SubscriptionCommand {
  static override summary = 'Resume a suspended subscription: its keys work again.';
  static override examples = ['<%= config.bin %> subscriptions resume acme/mobile-app'];
  static override args = subscriptionArgs;
  static override flags = reasonFlags;

  async run(): Promise<ShownSubscription> {
    const { args, flags } = await this.parse(SubscriptionsResume);
    return this.takeStep('resume', args.subscription, flags.reason);
  }
}
