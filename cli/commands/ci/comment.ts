import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../base-command.js';
import type { Commented } from '../../operations/ci/comment.js';

export default class CiComment extends BaseCommand {
  static override summary = 'Write or renew the comment on the pull or merge request of the pipeline.';
  static override description =
    'The first line of the text is the marker by which the comment is found again; "diff -o markdown" writes one. ' +
    'GitHub: GITHUB_TOKEN with "pull-requests: write". GitLab: GITLAB_TOKEN with the scope "api".';
  static override examples = ['<%= config.bin %> diff --prune -o markdown > diff.md && <%= config.bin %> ci comment diff.md'];
  static override args = {
    file: Args.string({ description: 'File with the text, or - for stdin.', required: true, ignoreStdin: true }),
  };

  protected override untouchedHint = 'The comment may have been written: look at the request.';

  async run(): Promise<Commented> {
    const { args } = await this.parse(CiComment);
    const [{ comment }, { readFiles }, { text }] = await Promise.all([
      import('../../operations/ci/comment.js'),
      import('../../operations/files.js'),
      import('node:stream/consumers'),
    ]);
    const [file] = await readFiles([args.file], process.cwd(), () => text(process.stdin));
    const done = await comment(file?.text ?? '', this.environment, this.interrupted.signal);
    return this.show(done, { human: ({ action }) => `The comment is ${action}.\n` });
  }
}
