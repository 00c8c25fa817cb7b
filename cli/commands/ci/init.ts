import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StoaError } from '../../../schema/error.js';
import { BaseCommand } from '../../base-command.js';
import type { CiInit as Written, CiSystem } from '../../operations/ci/init.js';

export default class CiInit extends BaseCommand {
  static override summary = 'Write pipelines: validate, test and diff as a comment on pull requests; apply on main; drift every night.';
  static override description =
    'The files stand beside stoa.config.yaml and are yours to change; a file that is there is never touched. ' +
    'Credentials come from variables and secrets of the repository, or as STOA_TOKEN from your OIDC provider.';
  static override examples = ['<%= config.bin %> ci init github', '<%= config.bin %> ci init gitlab --rotate acme/mobile-app-payments'];
  static override args = {
    system: Args.string({ description: 'Where the pipelines run.', required: true, options: ['github', 'gitlab'], ignoreStdin: true }),
  };
  static override flags = {
    rotate: Flags.string({ summary: 'Also rotate the API key of this subscription, every quarter.', helpValue: 'TENANT/NAME' }),
  };

  async run(): Promise<Written> {
    const { args, flags } = await this.parse(CiInit);
    const config = await this.configFile();
    if (config === undefined)
      throw new StoaError('usage_error', 'There is no stoa.config.yaml here or above.', { hint: 'Begin with "stoactl init".' });
    const { initCi } = await import('../../operations/ci/init.js');
    const written = initCi(args.system as CiSystem, config, flags.rotate);
    return this.show(written, {
      human: ({ files, variables, secrets }) =>
        `Wrote ${files.join(', ')}.\n\nVariables of the repository: ${variables.join(', ')}.\nSecrets: ${secrets.join(', ')}.\n`,
    });
  }
}
