import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';
import type { Diagnosis } from '../operations/doctor/run.js';

export default class Doctor extends BaseCommand {
  static override summary = 'Find out why requests fail: keys (401), upstreams (502), limits (429).';
  static override description =
    'Each finding says what to do. Exits with 1 when there is a problem. Upstreams are asked from this machine. With STOA_ADMIN_TOKEN the quotas of the ' +
    'gateway are looked at, too.';
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --consumer acme/mobile-app',
    '<%= config.bin %> doctor --key-prefix stoa_sk_e7f8',
    '<%= config.bin %> doctor --upstream http://your-backend:8080/health',
  ];
  static override flags = {
    consumer: Flags.string({ summary: 'Why this consumer gets 401 or 429: name or tenant/name.', helpValue: 'NAME' }),
    'key-prefix': Flags.string({ summary: 'Whether this key works: its first 12 characters.', helpValue: 'PREFIX' }),
    upstream: Flags.url({ summary: 'Whether this server can be reached.', helpValue: 'URL' }),
  };

  async run(): Promise<Diagnosis> {
    const { flags } = await this.parse(Doctor);
    const { diagnose } = await import('../operations/doctor/run.js');
    const { diagnosisText } = await import('../views/doctor.js');
    const settings = await this.settings();
    const client = await this.client();
    const options = {
      consumer: flags.consumer,
      keyPrefix: flags['key-prefix'],
      upstream: flags.upstream?.href,
      adminToken: this.environment['STOA_ADMIN_TOKEN'],
      now: () => Date.now(),
    };
    const diagnosis = await this.phase(`Looking at ${client.server}`, diagnose(settings, options, client));
    return this.show(diagnosis, { human: diagnosisText }, diagnosis.healthy ? 0 : 1);
  }
}
