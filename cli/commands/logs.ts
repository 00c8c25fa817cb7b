import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { dataDirFlag } from '../dev-command.js';
import { LogCommand, logFlags } from '../log-command.js';

export default class Logs extends LogCommand {
  static override summary = 'Read the log of a gateway: whose requests, how answered, what went wrong.';
  static override description =
    'Reads files, or stdin with "-", in both forms of LOG_FORMAT, also as "docker compose logs" prints them; without a FILE the log of the gateway ' +
    'that "stoactl dev" runs. A file is read with those that were rotated (FILE.1 and so on). -o json gives one object a line.';
  static override examples = [
    '<%= config.bin %> logs --status 5xx --since 1h',
    '<%= config.bin %> logs --consumer my-consumer --event rate_limit_exceeded',
    'docker compose logs stoa-gateway | <%= config.bin %> logs - --route /apis/acme/payments --status 401,429',
  ];
  static override strict = false;
  static override args = { file: Args.string({ description: 'Log file, or - for stdin; may be repeated.', ignoreStdin: true }) };
  static override flags = {
    ...dataDirFlag,
    ...logFlags,
    consumer: Flags.string({ summary: 'Only lines about this consumer.', helpValue: 'NAME' }),
    status: Flags.string({ summary: 'Only these statuses: 502, 5xx, 400-429.', multiple: true, helpValue: 'STATUS' }),
    route: Flags.string({ summary: 'Only this path and what is below it.', helpValue: 'PATH' }),
    event: Flags.string({ summary: 'Only this event, such as auth_failed.', helpValue: 'NAME' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Logs);
    const [{ sinceOf, statusesOf, tailOf }, { logSources }, { jsonLine, readableLine }] = await Promise.all([
      import('../operations/logs/select.js'),
      import('../operations/logs/sources.js'),
      import('../views/log-lines.js'),
    ]);
    const { consumer, route, event } = flags;
    const filter = { since: sinceOf(flags.since, Date.now()), statuses: statusesOf(flags.status), consumer, route, event };
    const tail = tailOf(flags.tail);
    const sources = await logSources(argv as string[], resolve(flags['data-dir']), process.stdin);
    const isJson = this.format === 'json';
    await this.printLogs(sources, { filter, tail, isFollowing: flags.follow }, (line, source, paint) =>
      isJson ? jsonLine(line, sources.length === 1 ? undefined : source) : readableLine(line, paint),
    );
  }
}
