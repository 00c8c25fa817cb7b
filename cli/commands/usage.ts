import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { Usage as Used } from '../operations/usage.js';

export default class Usage extends BaseCommand {
  static override summary = 'Show the requests of this month (UTC), against quotas or by API.';
  static override description =
    'The nearest to the end of its quota comes first. Gateways report what they measured every few seconds; a quota itself is enforced at once.';
  static override examples = [
    '<%= config.bin %> usage --tenant acme',
    '<%= config.bin %> usage acme/mobile-app-payments',
    '<%= config.bin %> usage --by api -o json',
  ];
  static override args = { subscription: Args.string({ description: 'One subscription: id, name or TENANT/NAME.', ignoreStdin: true }) };
  static override flags = {
    by: Flags.string({ summary: 'What is counted.', options: ['subscription', 'api'], default: 'subscription' }),
    api: Flags.string({ summary: 'Only this API: id or name.', helpValue: 'NAME' }),
    consumer: Flags.string({ summary: 'Only subscriptions of this consumer: id or name.', helpValue: 'NAME' }),
    all: Flags.boolean({ summary: 'Also subscriptions that have ended.', default: false }),
  };

  async run(): Promise<Used> {
    const { args, flags } = await this.parse(Usage);
    const [{ usageByApi, usageBySubscription }, { usageText }] = await Promise.all([
      import('../operations/usage.js'),
      import('../views/usage.js'),
    ]);
    const { tenant } = await this.settings();
    const client = await this.client();
    const { api, consumer, all } = flags;
    const query = { word: args.subscription, tenant, api, consumer, all, now: Date.now() };
    const work = flags.by === 'api' ? usageByApi(query, client) : usageBySubscription(query, client);
    return this.show(await this.phase(`Asking ${client.server}`, work), { human: usageText });
  }
}
