import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';
import { confirmFlags } from '../../flags.js';

interface RevokedKey {
  readonly schema_version: 1;
  readonly id: string;
  readonly prefix: string;
  readonly tenant: string;
  readonly subscription_id: string;
}

export default class KeysRevoke extends BaseCommand {
  static override summary = 'Cut one API key off at once and for ever.';
  static override description = 'Other keys of the subscription go on. To give its holder time, rotate it instead.';
  static override examples = ['<%= config.bin %> keys revoke key-5f2c81d0', '<%= config.bin %> keys revoke acme/stoa_sk_e7f8 --yes'];
  static override args = {
    key: Args.string({ description: 'Id or prefix of the key, as such or as tenant/id.', required: true, ignoreStdin: true }),
  };
  static override flags = { ...confirmFlags };

  async run(): Promise<RevokedKey> {
    const { args, flags } = await this.parse(KeysRevoke);
    const { findKey } = await import('../../operations/keys.js');
    const { tenant } = await this.settings();
    const client = await this.client();
    const key = await findKey(args.key, tenant, client);
    const what = `${key.id} (${key.prefix}…) of ${key.tenant_id}`;
    if (!flags.yes) await this.confirm(`Revoke key ${what}? Requests with it are refused from then on.`);
    this.interruptHint = `The key may have been revoked: run "stoactl keys list --tenant ${key.tenant_id}" to see.`;
    await client.lived.revokeKey(key.tenant_id, key.id);
    const { id, prefix, tenant_id, subscription_id } = key;
    const revoked: RevokedKey = { schema_version: 1, id, prefix, tenant: tenant_id, subscription_id };
    return this.show(revoked, { human: () => `Key ${what} is revoked.\n` });
  }
}
