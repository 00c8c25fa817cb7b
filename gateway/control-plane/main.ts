/** The process of the control plane: settings in, signals and messages of the parent out. */
import type { FastifyBaseLogger } from 'fastify';
import { errorBody, StoaError } from '../../schema/error.js';
import { refuseOthers, serveWorlds, TEST_CLOCK, type World } from '../test-worlds.js';
import { createLog } from './log.js';
import type { BackupList } from './database/backup.js';
import { maintain } from './maintenance.js';
import { helpText, readSettings, type Settings } from './settings.js';
import { startControlPlane, type Running } from './start.js';

/** Runs until a signal comes or the parent goes. Ends the process: 0 after a stop, 1 when it could not start. */
export async function main(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<void> {
  process.umask(0o077);
  try {
    const copied = maintain(args);
    if (copied !== undefined) return void finish(copied);
    const help = helpText(args);
    if (help !== undefined) return void process.stdout.write(help);
    if (args.length === 1 && args[0] === TEST_CLOCK) return void serveWorlds((given) => startWorld(given, env));
    const settings = readSettings(args, env);
    const log = openLog(settings);
    reportCrashes(log);
    const running = await startControlPlane(settings, log);
    stopOnSignals(running, log);
    announceReady(running, settings);
  } catch (error) {
    fail(error);
  }
}

const openLog = ({ logLevel: level, logFormat: format }: Settings): FastifyBaseLogger =>
  createLog({ level, format, destination: process.stdout });

function startWorld(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<World> {
  const settings = readSettings(args, env);
  refuseOthers(settings.host);
  return startControlPlane(settings, openLog(settings));
}

/** The end of a backup or a restore. */
function finish(result: BackupList): void {
  if (process.send !== undefined) process.send({ type: 'done', result }, () => process.exit(0));
  else process.stdout.write(`${JSON.stringify(result)}\n`);
}

function announceReady({ port, firstRun }: Running, { host }: Settings): void {
  const shown = firstRun === undefined ? undefined : { client_id: firstRun.client_id, client_secret: firstRun.client_secret };
  if (process.send !== undefined) {
    process.send({ type: 'ready', port, ...(shown === undefined ? {} : { first_run: shown }) });
    return;
  }
  process.stderr.write(`The control plane listens on http://${host}:${port}\n`);
  if (shown === undefined) return;
  process.stderr.write(`Shown only now: client_id=${shown.client_id} client_secret=${shown.client_secret}\n`);
}

function stopOnSignals(running: Running, log: FastifyBaseLogger): void {
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ event: 'stop_failed', err: error });
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  if (process.send !== undefined) process.once('disconnect', stop);
}

/** Nothing is known of the state after an error that nobody caught: the line is written, and whoever watches the process starts it again. */
function reportCrashes(log: FastifyBaseLogger): void {
  const crash = (error: unknown): void => {
    log.fatal({ event: 'PANIC recovery triggered', err: error });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

/** One clear line for a person, the error itself for a parent; a stack only for our own bugs. */
function fail(error: unknown): void {
  const known = error instanceof StoaError ? error : new StoaError('internal_error', String(error instanceof Error ? error.stack : error));
  if (process.send === undefined) {
    process.stderr.write(`${known.message}${known.hint === undefined ? '' : ` ${known.hint}`}\n`);
    process.exit(1);
  }
  process.send({ type: 'failed', error: errorBody(known).error }, () => process.exit(1));
}
