import * as Args from '@oclif/core/args';
import { ERRORS } from '../../schema/error.js';
import { manifestFlags, outputFlag } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';
import type { Validation } from '../operations/validate.js';

export default class Validate extends ManifestCommand {
  static override summary = 'Check manifests without a server: shape, references, policies, secrets.';
  static override examples = ['<%= config.bin %> validate manifests/ -R', '<%= config.bin %> validate -f api.yaml -o github'];
  static override args = {
    paths: Args.string({ description: 'Manifest files, directories or globs, as with -f.', multiple: true, ignoreStdin: true }),
  };
  static override flags = { ...manifestFlags, output: outputFlag('github', 'sarif', 'junit') };

  async run(): Promise<Validation> {
    const { args, flags } = await this.parse(Validate);
    const { validate } = await import('../operations/validate.js');
    const { validation, sourceLine } = await validate(await this.loadOptions(flags, args.paths));
    const views = await import('../views/validation.js');
    const forms = {
      human: (data: Validation, paint: Parameters<typeof views.validationText>[1]): string => views.validationText(data, paint, sourceLine),
      github: views.validationGithub,
      sarif: views.validationSarif,
      junit: views.validationJunit,
    };
    return this.show(validation, forms, validation.valid ? 0 : ERRORS.validation_error.exit);
  }
}
