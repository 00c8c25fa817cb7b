/** Which logs a replay may take. */
import { realpath } from 'node:fs/promises';
import { StoaError } from '../../../schema/error.js';
import { isLoopback } from '../doctor/upstreams.js';
import { MOST_FILES } from '../logs/rotating-file.js';

/** What `stoactl dev` serves here says nothing about a server elsewhere, and no request may count twice. Throws `usage_error`. */
export async function requireLogs(logs: readonly string[], server: string): Promise<void> {
  if (logs.length === 0 && !isLoopback(server))
    throw new StoaError('usage_error', `--impact needs the logs of the gateways of ${server}.`, {
      hint: 'Name them with --log FILE, one for each gateway, or pipe one in with --log -.',
    });
  const paths = await Promise.all(logs.map(async (log) => (log === '-' ? log : realpath(log).catch(() => log))));
  const twice = logs.find((_log, index) => paths.some((path, other) => other !== index && isRead(paths[index] ?? '', path)));
  if (twice === undefined) return;
  throw new StoaError('usage_error', `The log ${twice} is named twice: its requests would count twice.`, {
    hint: 'Name each log once. The older files of a log (gateway.log.1) are read with it.',
  });
}

/** Whether reading one log reads this file: it is the same, or an older file of it. */
function isRead(file: string, log: string): boolean {
  if (file === log) return true;
  const age = file.startsWith(`${log}.`) ? file.slice(log.length + 1) : '';
  return /^[1-9]\d?$/.test(age) && Number(age) < MOST_FILES;
}
