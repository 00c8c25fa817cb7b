import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.js';

const port = (summary: string) => Flags.integer({ summary, min: 0, max: 65_535, helpValue: 'PORT' });

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

export default class Dev extends BaseCommand {
  static override summary = 'Run the whole stack on this machine: control plane, gateway, echo upstream.';
  static override description =
    'Applies the manifests of stoa.config.yaml (else the quickstart of the product), watches them, and applies each edit: what is removed from them is deleted. ' +
    'With a terminal it is a live view, otherwise one line an event; with -o json that is a JSON object. Port 0 takes any free port. Ctrl-C and SIGTERM drain and end it.';
  static override examples = [
    '<%= config.bin %> dev',
    'STOA_ADMIN_TOKEN=... <%= config.bin %> dev --no-tui',
    '<%= config.bin %> dev --only gateway --gateway-port 3101',
  ];
  static override flags = {
    'no-tui': Flags.boolean({ summary: 'Plain lines, no live view.', default: false }),
    'data-dir': Flags.string({ summary: 'Where the state is kept.', default: '.stoa', helpValue: 'DIR' }),
    'control-port': port('Port of the control plane (8000).'),
    'gateway-port': port('Port of the gateway (3001).'),
    'admin-token': Flags.string({
      summary: 'Token for /admin of the gateway (also STOA_ADMIN_TOKEN); without one it is off.',
      helpValue: 'TOKEN',
    }),
    'no-seed': Flags.boolean({ summary: 'Apply nothing and start no echo upstream.', default: false }),
    only: Flags.option({ summary: 'Start one part alone.', options: ['control', 'gateway'] as const })(),
  };

  protected override endsOnInterrupt = false;

  async run(): Promise<void> {
    const { flags } = await this.parse(Dev);
    // Logs, state and socket are for this user alone.
    process.umask(0o077);
    const stop = new AbortController();
    this.#onSignals(stop);
    const isLive = !flags['no-tui'] && this.format === 'human' && this.isInteractive && process.stdout.isTTY;
    // React is several times slower, and louder, in its development form.
    if (isLive) process.env['NODE_ENV'] = 'production';
    const [{ runDev }, { jsonOutput, liveOutput, plainOutput }] = await Promise.all([
      import('../operations/dev/run.js'),
      import('../operations/dev/output.js'),
    ]);
    const print = (text: string | Buffer): void => void process.stdout.write(text);
    const paint = this.paint(process.stdout);
    const options = {
      dataDir: resolve(flags['data-dir']),
      controlPort: flags['control-port'],
      gatewayPort: flags['gateway-port'],
      only: flags.only,
      adminToken: flags['admin-token'] ?? nonEmpty(this.environment['STOA_ADMIN_TOKEN']),
      // The live view reads the services' lines.
      env: isLive ? { ...this.environment, LOG_FORMAT: 'json' } : this.environment,
      hasSeed: !flags['no-seed'],
      cwd: process.cwd(),
      flags: { environment: flags.environment, tenant: flags.tenant },
    };
    const lines = this.format === 'json' ? jsonOutput(print) : plainOutput(print, paint);
    await runDev(options, isLive ? liveOutput(print, paint, () => stop.abort('q')) : lines, stop.signal);
  }

  /** The first signal drains; the second ends at once, and the children with it. */
  #onSignals(stop: AbortController): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (stop.signal.aborted) process.exit(130);
        stop.abort(signal);
      });
  }
}
