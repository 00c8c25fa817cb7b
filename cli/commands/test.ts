import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ERRORS } from '../../schema/error.js';
import { manifestFlags, outputFlag } from '../flags.js';
import { ManifestCommand } from '../manifest-command.js';
import type { TestRun } from '../operations/test/run.js';

export default class Test extends ManifestCommand {
  static override summary = 'Test manifests against the bundled gateway before anything is deployed.';
  static override description =
    'Each case begins with the manifests freshly applied to a control plane and a gateway of its own on this machine, with stand-ins for every upstream ' +
    'and a clock that only the test moves. Without paths the tests are those of stoa.config.yaml, else tests/*.yaml. Exit code 1: a case failed; ' +
    '6: manifests or tests are not valid, and nothing was run.';
  static override examples = [
    '<%= config.bin %> test',
    '<%= config.bin %> test tests/limits.yaml -f manifests/ -R',
    '<%= config.bin %> test --environment staging -o junit > tests.xml',
  ];
  static override args = {
    paths: Args.string({ description: 'Test files, directories or globs.', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    ...manifestFlags,
    output: outputFlag('junit', 'github'),
    'allow-none': Flags.boolean({ summary: 'Pass when no tests are named and there are none.', default: false }),
  };

  async run(): Promise<TestRun> {
    const { args, flags } = await this.parse(Test);
    const { runTests } = await import('../operations/test/run.js');
    const manifests = await this.loadOptions(flags);
    const running = runTests({
      tests: { paths: args.paths ?? [], allowNone: flags['allow-none'] },
      manifests,
      signal: this.interrupted.signal,
    });
    const { run, sourceLine } = await this.phase('Testing', running);
    const views = await import('../views/test-run.js');
    const forms = {
      human: (data: TestRun, paint: Parameters<typeof views.testRunText>[1]): string => views.testRunText(data, paint, sourceLine),
      junit: views.testRunJunit,
      github: views.testRunGithub,
    };
    return this.show(run, forms, run.passed ? 0 : run.diagnostics.length > 0 ? ERRORS.validation_error.exit : 1);
  }
}
