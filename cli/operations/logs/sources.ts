import type { Readable } from 'node:stream';
import { serviceLogs } from '../dev/log-files.js';
import { fileSource, streamSource, type LogSource } from './stream.js';

/** Files by their paths, `-` for stdin; without any, the logs of the gateways of `stoactl dev`. Throws `not_found`. */
export async function logSources(words: readonly string[], dataDir: string, stdin: Readable): Promise<LogSource[]> {
  const logs = words.length > 0 ? words.map((path) => ({ name: path, path })) : await serviceLogs(dataDir, 'gateway');
  return Promise.all(logs.map(async ({ name, path }) => (path === '-' ? streamSource('stdin', stdin) : fileSource(name, path))));
}
