import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StoaError } from '../../../schema/error.js';
import { BaseCommand } from '../../base-command.js';
import type { CiInit as Written, CiSystem } from '../../operations/ci/init.js';

export default class CiInit extends BaseCommand {
  static override summary = 'Write pipelines: tests and a diff on pull requests, apply on main, drift.';
  static override description =
    'The files stand beside stoa.config.yaml and are yours to change; a file that is there is never touched. ' +
    'Credentials come from variables and secrets of the repository; with --oidc the pipelines sign in with the tokens that GitHub or GitLab make for them, ' +
    'and the rules are printed by which the control plane lets them in (its --pipelines).';
  static override examples = [
    '<%= config.bin %> ci init github',
    '<%= config.bin %> ci init github --oidc',
    '<%= config.bin %> ci init gitlab --rotate acme/mobile-app-payments',
  ];
  static override args = {
    system: Args.string({ description: 'Where the pipelines run.', required: true, options: ['github', 'gitlab'], ignoreStdin: true }),
  };
  static override flags = {
    oidc: Flags.boolean({ summary: 'Sign in with a token that the system makes for each pipeline, without a secret.', default: false }),
    rotate: Flags.string({ summary: 'Also rotate the API key of this subscription, every quarter.', helpValue: 'TENANT/NAME' }),
  };

  async run(): Promise<Written> {
    const { args, flags } = await this.parse(CiInit);
    const config = await this.configFile();
    if (config === undefined)
      throw new StoaError('usage_error', 'There is no stoa.config.yaml here or above.', { hint: 'Begin with "stoactl init".' });
    const { initCi } = await import('../../operations/ci/init.js');
    const written = initCi(args.system as CiSystem, config, { rotated: flags.rotate, hasOidc: flags.oidc });
    return this.show(written, {
      human: ({ files, variables, secrets, pipelines }) =>
        `Wrote ${files.join(', ')}.\n\nNext, in the settings of the repository:\n  variables  ${variables.join(', ')}\n` +
        (secrets.length === 0 ? '' : `  secrets    ${secrets.join(', ')}\n`) +
        'STOACTL_PACKAGE is where npm finds stoactl: a tarball, a git address, or a name in your registry.\n' +
        (pipelines === undefined
          ? ''
          : `\nFor the operator of the control plane, in the file of its --pipelines, with your own for the words in capitals:\n\n${pipelines}`),
    });
  }
}
