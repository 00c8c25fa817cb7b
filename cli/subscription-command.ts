/** The commands that take a subscription from one state to another and make no key. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from './base-command.js';
import type { SubscriptionVerb } from './lived-client.js';
import type { ShownSubscription } from './operations/subscriptions.js';

export const subscriptionArgs = {
  subscription: Args.string({ description: 'Subscription: name, tenant/name or id.', required: true, ignoreStdin: true }),
};

export const reasonFlags = {
  reason: Flags.string({ summary: 'Why, for those who read the subscription later.', helpValue: 'TEXT' }),
};

export abstract class SubscriptionCommand extends BaseCommand {
  protected override interruptHint = 'The state may have changed: run "stoactl subscriptions list" to see.';

  protected async takeStep(verb: SubscriptionVerb, word: string, reason: string | undefined): Promise<ShownSubscription> {
    const { takeStep } = await import('./operations/subscriptions.js');
    const { tenant } = await this.settings();
    const { subscription } = await takeStep({ word, tenant, verb, body: { reason } }, await this.client());
    const { stepText } = await import('./views/subscriptions.js');
    return this.show(subscription, { human: stepText });
  }
}
