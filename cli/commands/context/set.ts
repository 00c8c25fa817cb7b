import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.js';
import type { ContextList } from '../../operations/contexts.js';

export default class Set extends BaseCommand {
  static override summary = 'Make a context, or change it; the first becomes the current one.';
  static override description =
    'Secrets are not given here: "login" keeps them. A context that gets another server forgets what opened the old one.';
  static override examples = [
    '<%= config.bin %> context set local --server http://127.0.0.1:8000',
    '<%= config.bin %> context set production --server https://api.example.com --auth-server https://auth.example.com --tenant acme',
  ];
  static override args = { name: Args.string({ description: 'Name of the context.', required: true, ignoreStdin: true }) };
  static override flags = {
    'auth-server': Flags.string({ summary: 'Address of the token issuer; that of the control plane when absent.', helpValue: 'URL' }),
    gateway: Flags.string({ summary: 'Address of the gateway.', helpValue: 'URL' }),
    realm: Flags.string({ summary: 'Realm of the issuer.', helpValue: 'NAME' }),
    'client-id': Flags.string({ summary: 'Client that signs in.', helpValue: 'ID' }),
  };

  async run(): Promise<ContextList> {
    const { args, flags } = await this.parse(Set);
    const [{ setContext }, { contextsText }] = await Promise.all([
      import('../../operations/contexts.js'),
      import('../../views/contexts.js'),
    ]);
    const { server, tenant, gateway, realm, 'auth-server': auth_server, 'client-id': client_id } = flags;
    const fields = { server, auth_server, gateway, realm, client_id, tenant };
    return this.show(setContext(this.environment, args.name, fields), { human: contextsText });
  }
}
