/** The lines of the services, kept in files: `logs/gateway.log` in the data directory. */
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StoaError } from '../../../schema/error.js';
import { RotatingFile } from '../logs/rotating-file.js';
import type { DevEvent, ServiceName } from './events.js';

const LOG = /^(control-plane|gateway)(-\d+)?\.log$/;

const directoryOf = (dataDir: string): string => join(dataDir, 'logs');

export interface ServiceLog {
  /** `gateway`; `gateway-3101` for a further one. */
  readonly name: string;
  readonly path: string;
}

/** The logs that there are, of one service or of all. Throws `not_found` when there is none. */
export async function serviceLogs(dataDir: string, service: ServiceName | undefined): Promise<ServiceLog[]> {
  if (service === 'echo-upstream')
    throw new StoaError('not_found', 'The echo-upstream writes no log.', { hint: 'What it is asked is in the log of the gateway.' });
  const names = (await readdir(directoryOf(dataDir)).catch(() => [])).filter((name) => {
    const [, owner] = LOG.exec(name) ?? [];
    return owner !== undefined && (service === undefined || owner === service);
  });
  if (names.length === 0)
    throw new StoaError('not_found', `There is no log${service === undefined ? '' : ` of the ${service}`} in ${directoryOf(dataDir)}.`, {
      hint: '"stoactl dev" writes it. Name its data directory with --data-dir.',
    });
  return names.sort().map((name) => ({ name: name.replace(/\.log$/, ''), path: join(directoryOf(dataDir), name) }));
}

/** Writes what the services print. A full disk stops no service: `onProblem` is called when writing begins to fail. */
export class LogFiles {
  readonly #dataDir: string;
  readonly #suffix: string;
  readonly #onProblem: (text: string) => void;
  readonly #files = new Map<ServiceName, RotatingFile>();
  #isFailing = false;

  /** A further gateway of the same directory, known by its port, has a file of its own. */
  constructor(dataDir: string, furtherGatewayPort: number | undefined, onProblem: (text: string) => void) {
    this.#dataDir = dataDir;
    this.#suffix = furtherGatewayPort === undefined ? '' : `-${furtherGatewayPort}`;
    this.#onProblem = onProblem;
  }

  /** Takes every event; writes those with lines. */
  readonly onEvent = (event: DevEvent): void => {
    if (event.type !== 'output') return;
    try {
      this.#fileOf(event.service).write(event.lines);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#onProblem(`the log of the ${event.service} cannot be written: ${(error as Error).message}`);
      this.#isFailing = true;
    }
  };

  close(): void {
    for (const file of this.#files.values()) file.close();
  }

  #fileOf(service: ServiceName): RotatingFile {
    const known = this.#files.get(service);
    if (known !== undefined) return known;
    mkdirSync(directoryOf(this.#dataDir), { recursive: true, mode: 0o700 });
    const file = new RotatingFile(join(directoryOf(this.#dataDir), `${service}${this.#suffix}.log`));
    this.#files.set(service, file);
    return file;
  }
}
