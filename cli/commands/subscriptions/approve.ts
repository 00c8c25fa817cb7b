import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import type { ShownSubscription } from '../../operations/subscriptions.js';
import { subscriptionArgs } from '../../subscription-command.js';

export default class SubscriptionsApprove extends BaseCommand {
  static override summary = 'Approve a subscription that waits; its key is shown once.';
  static override examples = [
    '<%= config.bin %> subscriptions approve sub-12345 --rate-limit 1000 --quota 50000',
    'KEY=$(<%= config.bin %> subscriptions approve acme/mobile-app --quiet)',
  ];
  static override args = subscriptionArgs;
  static override flags = {
    'rate-limit': Flags.string({ summary: 'Requests per hour.', helpValue: 'N' }),
    quota: Flags.string({ summary: 'Requests per calendar month.', helpValue: 'N' }),
    'to-file': Flags.string({ summary: 'Write the key to this file (mode 0600) and not to stdout.', helpValue: 'PATH' }),
    overwrite: Flags.boolean({ summary: 'With --to-file: replace a file that is there.', default: false }),
  };

  protected override interruptHint =
    'The subscription may have been approved, and its key was shown to nobody: run "stoactl subscriptions list" to see, "stoactl rotate-key" for another.';

  async run(): Promise<ShownSubscription> {
    const { args, flags } = await this.parse(SubscriptionsApprove);
    const { countOf, takeStep } = await import('../../operations/subscriptions.js');
    const body = { rate_limit: countOf('rate-limit', flags['rate-limit']), quota: countOf('quota', flags.quota) };
    const { tenant } = await this.settings();
    const target = { file: flags['to-file'], mayReplace: flags.overwrite };
    const request = { word: args.subscription, tenant, verb: 'approve', body, ...target } as const;
    const { subscription, key } = await takeStep(request, await this.client());
    const { approvalJson, approvalText } = await import('../../views/subscriptions.js');
    // A key is printed here: this output is not redacted.
    if (this.format === 'json') this.print(approvalJson(subscription, key));
    else if (!this.isQuiet) this.print(approvalText(subscription, key, this.paint(process.stdout)));
    else if (key !== undefined) this.print(`${key}\n`);
    return subscription;
  }
}
