import * as Args from '@oclif/core/args';
import { BaseCommand } from '../base-command.js';
import type { Shell } from '../views/completion.js';

/** What the first argument of that name names, or the second after a kind. */
const NAMED = [
  ['kind', 'kind'],
  ['subscription', 'subscriptions'],
  ['holder', 'subscriptions'],
] as const;

export default class Autocomplete extends BaseCommand {
  static override summary = 'Print a completion script for your shell.';
  static override aliases = ['completion'];
  static override examples = [
    'source <(<%= config.bin %> autocomplete bash)',
    '<%= config.bin %> autocomplete fish > ~/.config/fish/completions/stoactl.fish',
  ];
  static override args = {
    shell: Args.string({ description: 'Your shell.', required: true, options: ['bash', 'zsh', 'fish'], ignoreStdin: true }),
  };

  protected override isVerbatim = true;

  async run(): Promise<{ readonly schema_version: 1; readonly shell: string; readonly script: string }> {
    const { args } = await this.parse(Autocomplete);
    const { kindWords } = await import('../operations/kinds.js');
    const { completionScript, withTopics } = await import('../views/completion.js');
    const commands = this.config.commands
      .filter(({ hidden, id }) => !hidden && id !== 'completion')
      .map(({ id, summary = '', flags, args: positional }) => ({
        name: id,
        summary,
        flags: Object.entries(flags).flatMap(([name, { char }]) => [`--${name}`, ...(char === undefined ? [] : [`-${char}`])]),
        words: 'kind' in positional ? kindWords() : [],
        names: NAMED.find(([arg]) => arg in positional)?.[1],
      }));
    const topics = new Map(this.config.topics.map(({ name, description = '' }) => [name, description]));
    return this.show(
      { schema_version: 1, shell: args.shell, script: completionScript(args.shell as Shell, withTopics(commands, topics)) },
      { human: ({ script }) => script },
    );
  }
}
