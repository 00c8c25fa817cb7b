import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import { outputFlag } from '../flags.js';
import type { AuditListing } from '../operations/audit.js';

export default class Audit extends BaseCommand {
  static override summary = 'Show who changed what, and events of live traffic, newest first.';
  static override examples = [
    '<%= config.bin %> audit --tenant acme --since 24h',
    '<%= config.bin %> audit --action subscription.key_rotated -o jsonl',
    '<%= config.bin %> audit --action rate_limit_exceeded --consumer mobile-app',
  ];
  static override flags = {
    output: outputFlag('jsonl'),
    action: Flags.string({ summary: 'Only this action or event, such as api.updated.', helpValue: 'NAME' }),
    user: Flags.string({ summary: 'Only what this user did.', helpValue: 'NAME' }),
    resource: Flags.string({ summary: 'Only what was done to this: an id, or a name.', helpValue: 'NAME' }),
    consumer: Flags.string({ summary: 'Only what concerns this consumer.', helpValue: 'NAME' }),
    since: Flags.string({ summary: 'Only what is younger.', helpValue: 'DURATION' }),
    limit: Flags.string({ summary: 'At most so many entries.', default: '50', helpValue: 'N' }),
  };

  async run(): Promise<AuditListing> {
    const { flags } = await this.parse(Audit);
    const { readAudit } = await import('../operations/audit.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const { action, user, resource, consumer, since, limit } = flags;
    const query = { tenant, action, user, resource, consumer, since, limit, now: Date.now() };
    const listing = await this.phase(`Asking ${client.server}`, readAudit(query, client));
    const { auditLines, auditText } = await import('../views/audit.js');
    return this.show(listing, { human: auditText, jsonl: auditLines });
  }
}
