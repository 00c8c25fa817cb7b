/** What commands share that print log lines as they come. */
import * as Flags from '@oclif/core/flags';
import { redactApiKeys } from '../schema/api-key.js';
import { BaseCommand } from './base-command.js';
import type { LogLine } from './operations/logs/line.js';
import type { LogSource, StreamOptions } from './operations/logs/stream.js';
import type { Paint } from './views/paint.js';

const BATCH_CHARACTERS = 64 * 1024;
const INTERRUPTED = 130;

export const logFlags = {
  follow: Flags.boolean({ char: 'f', summary: 'Go on with what is written from now on; Ctrl-C ends it.', default: false }),
  since: Flags.string({ summary: 'Only what is younger, or what came after a time.', helpValue: 'DURATION|TIME' }),
  tail: Flags.string({ char: 'n', summary: 'Only so many of the last lines.', helpValue: 'N|all' }),
};

export abstract class LogCommand extends BaseCommand {
  protected override isVerbatim = true;

  protected override endsOnInterrupt = false;

  /** Prints lines until the sources end, or somebody ends the command or closes its pipe. */
  protected async printLogs(
    sources: readonly LogSource[],
    options: Omit<StreamOptions, 'signal'>,
    format: (line: LogLine, source: string, paint: Paint) => string,
  ): Promise<void> {
    const { streamLogs } = await import('./operations/logs/stream.js');
    const end = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        process.exitCode = INTERRUPTED;
        end.abort();
        // A read from a pipe is not ended by us.
        setImmediate(() => process.stdin.destroy());
      });
    process.stdout.once('error', () => end.abort());
    const paint = this.paint(process.stdout);
    const output = batched((text) => this.print(redactApiKeys(text)));
    await streamLogs(sources, { ...options, signal: end.signal }, (line, source) => output.add(format(line, source, paint)));
    output.flush();
  }
}

/** Collects text: a write for each line would take most of the time. */
function batched(write: (text: string) => void): { add(text: string): void; flush(): void } {
  let text = '';
  let timer: NodeJS.Immediate | undefined;
  const flush = (): void => {
    clearImmediate(timer);
    timer = undefined;
    write(text);
    text = '';
  };
  return {
    flush,
    add(more) {
      text += more;
      if (text.length > BATCH_CHARACTERS) flush();
      else timer ??= setImmediate(flush);
    },
  };
}
