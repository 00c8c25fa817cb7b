import { BaseCommand } from '../base-command.js';
import type { Status as Health } from '../operations/health.js';

export default class Status extends BaseCommand {
  static override summary = 'Show whether control plane, issuer and gateway are well.';
  static override description = 'Exits with 1 when one of them is down. Addresses: STOA_API_URL, STOA_AUTH_URL, STOA_GATEWAY_URL.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status -o json'];

  async run(): Promise<Health> {
    await this.parse(Status);
    const { statusOf } = await import('../operations/health.js');
    const { statusText } = await import('../views/status.js');
    const status = await statusOf(await this.settings());
    return this.show(status, { human: statusText }, status.healthy ? 0 : 1);
  }
}
