import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { KeyRotation, Scenario } from '../operations/rotate-key.js';

export default class RotateKey extends BaseCommand {
  static override summary = 'Make a new API key; the old one works until the grace window ends.';
  static override description = 'The new key is shown once. Scenarios: single 4h, rolling 24h, partner 72h, compliance 24h, emergency 1h.';
  static override examples = [
    '<%= config.bin %> rotate-key acme/mobile-app --grace 24h',
    'KEY=$(<%= config.bin %> rotate-key acme/mobile-app --scenario emergency --quiet)',
  ];
  static override args = {
    holder: Args.string({ description: 'Subscription or consumer: name, tenant/name or id.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    grace: Flags.string({
      summary: 'How long the old key still works: 1h to 168h (default 24h).',
      exclusive: ['scenario'],
      helpValue: 'DURATION',
    }),
    scenario: Flags.string({
      summary: 'Take the grace window that fits.',
      options: ['single', 'rolling', 'partner', 'compliance', 'emergency'],
    }),
    force: Flags.boolean({ summary: 'Also when a grace window is open: its old key dies at once.', default: false }),
    'to-file': Flags.string({ summary: 'Write the key to this file (mode 0600) and not to stdout.', helpValue: 'PATH' }),
    overwrite: Flags.boolean({ summary: 'With --to-file: replace a file that is there.', default: false }),
  };

  protected override interruptHint =
    'The key may have been rotated, and the new one was shown to nobody: "stoactl keys list" tells, "stoactl rotate-key" with --force makes another.';

  async run(): Promise<KeyRotation> {
    const { args, flags } = await this.parse(RotateKey);
    const { graceOf, rotateKey } = await import('../operations/rotate-key.js');
    const { rotationJson, rotationText } = await import('../views/rotation.js');
    const grace = graceOf(flags.grace, flags.scenario as Scenario | undefined);
    if (grace.roundedFrom !== undefined) this.note(`${grace.roundedFrom} is rounded up to ${grace.hours}h: grace windows are whole hours.`);
    const { tenant } = await this.settings();
    const { rotation, key } = await rotateKey(
      { word: args.holder, tenant, grace, isForced: flags.force, file: flags['to-file'], mayReplace: flags.overwrite },
      await this.client(),
    );
    // The one place where a key is printed: this output is not redacted.
    if (this.format === 'json') this.print(rotationJson(rotation, key));
    else if (!this.isQuiet) this.print(rotationText(rotation, key, this.paint(process.stdout)));
    else if (key !== undefined) this.print(`${key}\n`);
    return rotation;
  }
}
