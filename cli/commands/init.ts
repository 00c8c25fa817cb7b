import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { Initialised } from '../operations/init.js';

export default class Init extends BaseCommand {
  static override summary = 'Begin a repository of manifests that works at once.';
  static override description =
    'Writes stoa.config.yaml, manifests, a JSON Schema for editors and .gitignore. A file that is there is never touched.';
  static override examples = ['<%= config.bin %> init shop', '<%= config.bin %> init shop --from openapi.yaml'];
  static override args = {
    directory: Args.string({ description: 'Where; made when it is not there.', default: '.', ignoreStdin: true }),
  };
  static override flags = {
    name: Flags.string({ summary: 'Name of project and tenant; that of the directory when absent.', helpValue: 'NAME' }),
    from: Flags.string({ summary: 'Begin with the API of this OpenAPI document.', helpValue: 'FILE' }),
    upstream: Flags.string({
      summary: 'With --from: where the API is, in place of the servers of the document.',
      helpValue: 'URL',
      dependsOn: ['from'],
    }),
  };

  async run(): Promise<Initialised> {
    const { args, flags } = await this.parse(Init);
    const { initRepository, projectName } = await import('../operations/init.js');
    const { directory } = args;
    const apis =
      flags.from === undefined ? undefined : await this.#imported(flags.from, projectName(directory, flags.name), flags.upstream);
    const done = initRepository({ directory, name: flags.name, apis });
    const enter = directory === '.' ? '' : `cd ${directory} && `;
    return this.show(done, {
      human: ({ files }) => `Wrote ${files.join(', ')}.\n\nNext:\n  ${enter}stoactl validate\n  ${enter}stoactl dev\n`,
    });
  }

  async #imported(file: string, tenant: string, upstream: string | undefined) {
    const { readDocument } = await import('../operations/import/file.js');
    const { readForeign } = await import('../operations/import/source.js');
    const { importOpenApi } = await import('../operations/import/openapi.js');
    const { importText } = await import('../views/import.js');
    const result = importOpenApi(readForeign(await readDocument(file), file), { file, tenant, upstream });
    this.note(importText(result, this.paint(process.stderr)).trimEnd());
    return result.resources;
  }
}
