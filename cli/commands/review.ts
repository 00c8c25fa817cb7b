import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import { outputFlag } from '../flags.js';
import type { Review as Findings } from '../operations/review.js';

export default class Review extends BaseCommand {
  static override summary = 'Review the week: health, errors, limits, keys, and what to act on.';
  static override examples = [
    '<%= config.bin %> review',
    '<%= config.bin %> review --tenant acme --hours 24',
    '<%= config.bin %> review -o markdown > review.md',
  ];
  static override flags = {
    output: outputFlag('markdown'),
    hours: Flags.string({ summary: 'How far to look back.', default: '168', helpValue: 'N' }),
  };

  async run(): Promise<Findings> {
    const { flags } = await this.parse(Review);
    const { hoursOf, reviewOf } = await import('../operations/review.js');
    const { reviewMarkdown, reviewText } = await import('../views/review.js');
    const hours = hoursOf(flags.hours);
    const client = await this.client();
    const review = await this.phase(`Asking ${client.server}`, reviewOf(await this.settings(), hours, Date.now(), client));
    return this.show(review, { human: reviewText, markdown: reviewMarkdown });
  }
}
