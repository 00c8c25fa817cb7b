import { resolve } from 'node:path';
import { dataDirFlag, serviceArg } from '../../dev-command.js';
import { LogCommand, logFlags } from '../../log-command.js';

export default class DevLogs extends LogCommand {
  static override summary = 'Print the logs of dev, as the services wrote them.';
  static override description =
    'They are kept in logs/ of the data directory, five files of 100 MB for each service, and are there after dev has ended, too. ' +
    'Several services are printed in order of time, each line behind the name of its service. -o json gives one object a line.';
  static override examples = [
    '<%= config.bin %> dev logs gateway --tail 100 --follow',
    `<%= config.bin %> dev logs gateway --since 1h | grep '"status":5'`,
    '<%= config.bin %> dev logs --since 2026-11-30T08:00:00Z',
  ];
  static override args = serviceArg;
  static override flags = { ...dataDirFlag, ...logFlags };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DevLogs);
    const [{ serviceLogs }, { serviceNamed }, { sinceOf, tailOf }, { fileSource }, { jsonLine, rawLine }] = await Promise.all([
      import('../../operations/dev/log-files.js'),
      import('../../operations/dev/part.js'),
      import('../../operations/logs/select.js'),
      import('../../operations/logs/stream.js'),
      import('../../views/log-lines.js'),
    ]);
    const tail = tailOf(flags.tail);
    const filter = { since: sinceOf(flags.since, Date.now()) };
    const logs = await serviceLogs(resolve(flags['data-dir']), args.service === undefined ? undefined : serviceNamed(args.service));
    const sources = await Promise.all(logs.map(({ name, path }) => fileSource(name, path)));
    const isOne = logs.length === 1;
    const width = isOne ? 0 : Math.max(...logs.map(({ name }) => name.length));
    const isJson = this.format === 'json';
    await this.printLogs(sources, { filter, tail, isFollowing: flags.follow }, (line, source, paint) =>
      isJson ? jsonLine(line, isOne ? undefined : source) : rawLine(line, source, width, paint),
    );
  }
}
