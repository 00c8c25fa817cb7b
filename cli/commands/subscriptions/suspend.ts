import type { ShownSubscription } from '../../operations/subscriptions.js';
import { reasonFlags, subscriptionArgs, SubscriptionCommand } from '../../subscription-command.js';

export default class SubscriptionsSuspend extends SubscriptionCommand {
  static override summary = 'Suspend an active subscription: its keys rest.';
  static override examples = ['<%= config.bin %> subscriptions suspend acme/mobile-app --reason unpaid'];
  static override args = subscriptionArgs;
  static override flags = reasonFlags;

  async run(): Promise<ShownSubscription> {
    const { args, flags } = await this.parse(SubscriptionsSuspend);
    return this.takeStep('suspend', args.subscription, flags.reason);
  }
}
