import { confirmFlags } from '../../flags.js';
import type { ShownSubscription } from '../../operations/subscriptions.js';
import { reasonFlags, subscriptionArgs, SubscriptionCommand } from '../../subscription-command.js';

export default class SubscriptionsRevoke extends SubscriptionCommand {
  static override summary = 'Revoke a subscription for ever: all of its keys end at once.';
  static override examples = ['<%= config.bin %> subscriptions revoke acme/mobile-app --reason "contract ended" --yes'];
  static override args = subscriptionArgs;
  static override flags = { ...reasonFlags, ...confirmFlags };

  async run(): Promise<ShownSubscription> {
    const { args, flags } = await this.parse(SubscriptionsRevoke);
    if (!flags.yes) await this.confirm(`Revoke subscription ${args.subscription}? Its keys end at once, and it cannot be undone.`);
    return this.takeStep('revoke', args.subscription, flags.reason);
  }
}
