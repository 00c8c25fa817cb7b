/** The process of a gateway: settings in, signals and messages of the parent out. */
import { writeSync } from 'node:fs';
import { errorBody, StoaError } from '../../schema/error.js';
import { REPLAY } from '../../schema/impact.js';
import { refuseOthers, serveWorlds, TEST_CLOCK, type World } from '../test-worlds.js';
import { createAccessLog, logPanic, type AccessLog } from './access-log.js';
import { helpText, readSettings, type Settings } from './settings.js';
import { startGateway, type RunningGateway } from './start.js';
import { WORKER_FLAG } from './workers/fleet.js';
import { runWorker as serveAsWorker } from './workers/worker.js';

/** Runs until a signal comes or the parent goes. Ends the process: 0 after a drain, 1 when it could not start. */
export async function main(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<void> {
  process.umask(0o077);
  try {
    const help = helpText(args);
    if (help !== undefined) return void process.stdout.write(help);
    if (args.length === 1 && args[0] === REPLAY) return void (await import('./replay/process.js')).serveReplay();
    if (args.length === 1 && args[0] === TEST_CLOCK) return void serveWorlds((given) => startWorld(given, env));
    if (args.length === 1 && args[0] === WORKER_FLAG) return void runWorker();
    const settings = readSettings(args, env);
    const log = openLog(settings);
    surviveFaults(log);
    const running = await startGateway(settings, log);
    stopOnSignals(running, log);
    if (process.send !== undefined) process.send({ type: 'ready', port: running.port });
    else
      process.stderr.write(`The gateway listens on ${settings.tls === undefined ? 'http' : 'https'}://${settings.host}:${running.port}\n`);
  } catch (error) {
    fail(error);
  }
}

/** A worker reports its faults and goes on, as a gateway alone does. */
function runWorker(): void {
  serveAsWorker((settings) => {
    const log = openLog(settings);
    surviveFaults(log);
    return log;
  });
}

const openLog = ({ logFormat: format, logLevel: level }: Settings): AccessLog =>
  createAccessLog({ format, level, write: (text) => void process.stdout.write(text), now: () => Date.now() });

function startWorld(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<World> {
  // The clock of a test is set in one process.
  const settings = { ...readSettings(args, env), workers: 1 };
  refuseOthers(settings.host);
  return startGateway(settings, openLog(settings));
}

function stopOnSignals(running: RunningGateway, log: AccessLog): void {
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logPanic(log, error);
        process.exit(1);
      },
    );
  };
  process.on('SIGHUP', () => running.reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  if (process.send !== undefined) process.once('disconnect', stop);
}

/** A gateway serves many: a fault that nobody caught is reported and the others go on. A log that cannot be written any more has no reader. */
function surviveFaults(log: AccessLog): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => logPanic(log, error));
  process.on('unhandledRejection', (error) => logPanic(log, error));
}

/** One clear line for a person, the error itself for a parent; a stack only for our own bugs. */
function fail(error: unknown): void {
  const known = error instanceof StoaError ? error : new StoaError('internal_error', error instanceof Error ? error.stack : String(error));
  if (process.send === undefined) {
    writeSync(2, `${known.message}${known.hint === undefined ? '' : ` ${known.hint}`}\n`);
    process.exit(1);
  }
  process.send({ type: 'failed', error: errorBody(known).error }, () => process.exit(1));
}
