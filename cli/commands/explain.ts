import * as Args from '@oclif/core/args';
import { BaseCommand } from '../base-command.js';
import type { Explanation } from '../operations/explain.js';

export default class Explain extends BaseCommand {
  static override summary = 'Say what a kind or one of its fields means.';
  static override examples = [
    '<%= config.bin %> explain',
    '<%= config.bin %> explain api',
    '<%= config.bin %> explain api.circuit_breaker.open_secs',
  ];
  static override args = { path: Args.string({ description: 'KIND or KIND.field; without it, all kinds.', ignoreStdin: true }) };

  async run(): Promise<Explanation> {
    const { args } = await this.parse(Explain);
    const { explain, explainKinds } = await import('../operations/explain.js');
    const { explanationText } = await import('../views/explanation.js');
    return this.show(args.path === undefined ? explainKinds() : explain(args.path), { human: explanationText });
  }
}
