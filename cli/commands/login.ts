import * as Flags from '@oclif/core/flags';
import { StoaError } from '../../schema/error.js';
import { BaseCommand } from '../base-command.js';
import type { SignedIn } from '../operations/contexts.js';

export default class Login extends BaseCommand {
  static override summary = 'Sign in: try a client secret or a token from stdin at the server, and keep it in your configuration.';
  static override description = `The secret is read from stdin, so that it is in no history and no list of processes. It is kept in ~/.config/stoa/config.yaml, which only you may read, in the
context of --context, else the current one, else "default", and that becomes the current one. With a client secret, tokens of five minutes are got and renewed by themselves.`;
  static override examples = [
    'printf %s "$SECRET" | <%= config.bin %> login --server https://api.example.com --client-id control-plane-api',
    'printf %s "$TOKEN" | <%= config.bin %> login --context production --token',
  ];
  static override flags = {
    'client-id': Flags.string({ summary: 'Client that signs in; control-plane-api by default.', helpValue: 'ID' }),
    token: Flags.boolean({ summary: 'Stdin gives an access token, in place of a client secret.', default: false }),
  };

  async run(): Promise<SignedIn> {
    const { flags } = await this.parse(Login);
    if (process.stdin.isTTY)
      throw new StoaError('usage_error', `The ${flags.token ? 'token' : 'client secret'} is read from stdin, and stdin is a terminal.`, {
        hint: 'For example: printf %s "$SECRET" | stoactl login --client-id control-plane-api.',
      });
    const [{ secretOf, signIn }, { readUserConfig }, { signedInText }, { text }] = await Promise.all([
      import('../operations/contexts.js'),
      import('../user-config.js'),
      import('../views/contexts.js'),
      import('node:stream/consumers'),
    ]);
    const { contexts, current } = readUserConfig(this.environment);
    const name = flags.context ?? current ?? 'default';
    // A context that is made by this has no settings yet.
    if (!Object.hasOwn(contexts, name)) this.settle({ context: undefined });
    const settings = await this.settings();
    const secret = secretOf(await text(process.stdin), flags.token ? 'token' : 'client secret');
    const clientId = flags['client-id'] ?? settings.clientId;
    const credentials = flags.token ? { clientId, token: secret } : { clientId, clientSecret: secret };
    const session = { signal: this.interrupted.signal, now: () => Date.now() };
    const work = signIn({ name, settings, credentials, env: this.environment, session });
    return this.show(await this.phase(`Signing in to ${settings.server}`, work), { human: signedInText });
  }
}
