import * as Flags from '@oclif/core/flags';
import { StoaError } from '../../schema/error.js';
import { BaseCommand } from '../base-command.js';
import type { Credentials, SignedIn } from '../operations/contexts.js';
import type { IssuerOptions } from '../openid.js';
import type { Settings } from '../settings.js';

/** The public client that stands for this command at an issuer, unless another is named. */
const DEVICE_CLIENT = 'stoactl';

export default class Login extends BaseCommand {
  static override summary = 'Sign in by a code in your browser, a client secret or a token.';
  static override description = `At a terminal, and with --device, you are shown an address and a code to approve in a browser on any machine, where the issuer offers that (RFC 8628). A secret is read
from stdin, so that it is in no history and no list of processes. What opens the server is kept in ~/.config/stoa/config.yaml, which only you may read, in the context of --context, else
the current one, else "default", and that becomes the current one. Tokens are renewed by themselves.`;
  static override examples = [
    '<%= config.bin %> login --device --server https://api.example.com',
    'printf %s "$SECRET" | <%= config.bin %> login --server https://api.example.com --client-id control-plane-api',
    'printf %s "$TOKEN" | <%= config.bin %> login --context production --token',
  ];
  static override flags = {
    'client-id': Flags.string({
      summary: `Client that signs in; control-plane-api by default, and ${DEVICE_CLIENT} by device.`,
      helpValue: 'ID',
    }),
    device: Flags.boolean({ summary: 'Show a code to approve in a browser.', default: false, exclusive: ['token'] }),
    token: Flags.boolean({ summary: 'Stdin gives an access token, in place of a client secret.', default: false }),
  };

  protected override untouchedHint = 'Nothing was kept.';

  async run(): Promise<SignedIn> {
    const { flags } = await this.parse(Login);
    const isByDevice = flags.device || (!flags.token && this.isInteractive);
    if (!isByDevice && process.stdin.isTTY) throw stdinIsTerminal(flags.token ? 'token' : 'client secret');
    const [{ signIn }, { readUserConfig }, { signedInText }] = await Promise.all([
      import('../operations/contexts.js'),
      import('../user-config.js'),
      import('../views/contexts.js'),
    ]);
    const { contexts, current } = readUserConfig(this.environment);
    const name = flags.context ?? current ?? 'default';
    // A context that is made by this has no settings yet.
    if (!Object.hasOwn(contexts, name)) this.settle({ context: undefined });
    const settings = await this.settings();
    const credentials = isByDevice
      ? await this.#byDevice(settings, flags['client-id'])
      : await fromStdin(flags.token, flags['client-id'] ?? settings.clientId);
    const session = { signal: this.interrupted.signal, now: () => Date.now() };
    const work = signIn({ name, settings, credentials, env: this.environment, session });
    return this.show(await this.phase(`Signing in to ${settings.server}`, work), { human: signedInText });
  }

  async #byDevice({ authServer, realm, timeoutMs, origins, clientId: known }: Settings, given: string | undefined): Promise<Credentials> {
    const [{ discover }, { signInByDevice }, { devicePromptText }, { setTimeout: wait }] = await Promise.all([
      import('../openid.js'),
      import('../operations/device-login.js'),
      import('../views/device-prompt.js'),
      import('node:timers/promises'),
    ]);
    const { signal } = this.interrupted;
    const issuer: IssuerOptions = { authServer, realm, timeoutMs, signal, now: () => Date.now() };
    const clientId = given ?? (origins['client_id'] === 'default' ? DEVICE_CLIENT : known);
    const tokens = await signInByDevice(await discover(issuer), {
      ...issuer,
      clientId,
      // With --quiet too: without it nobody could approve.
      show: (prompt) => process.stderr.write(devicePromptText(prompt)),
      sleep: (ms) => wait(ms, undefined, { signal }),
    });
    return { way: 'device code', clientId, tokens };
  }
}

async function fromStdin(isToken: boolean, clientId: string): Promise<Credentials> {
  const [{ secretOf }, { text }] = await Promise.all([import('../operations/contexts.js'), import('node:stream/consumers')]);
  const secret = secretOf(await text(process.stdin), isToken ? 'token' : 'client secret');
  return isToken ? { way: 'token', token: secret } : { way: 'client secret', clientId, clientSecret: secret };
}

const stdinIsTerminal = (what: string): StoaError =>
  new StoaError('usage_error', `The ${what} is read from stdin, and stdin is a terminal.`, {
    hint: 'For example: printf %s "$SECRET" | stoactl login --client-id control-plane-api. Or sign in by a browser: stoactl login --device.',
  });
