/** How many processes serve, and what they do not have together. */
import { availableParallelism } from 'node:os';
import { StoaError } from '../../schema/error.js';
import type { FlagTexts } from '../process-settings.js';
import type { McpSettings } from './mcp-settings.js';

export const WORKERS_FLAGS = {
  workers: {
    type: 'string',
    value: 'N|auto',
    variable: 'STOA_WORKERS',
    summary: 'Processes that serve traffic; auto: one for each core.',
    absent: '1',
  },
} as const satisfies FlagTexts;

/** More than any machine has use for; a slip of the keyboard must not fill one with processes. */
const MAX_WORKERS = 128;

type Setting = (flag: 'workers', variable: string) => string | undefined;

/** The number of workers, and the settings of MCP: a session lives in one process, so that clients of several keep none. Throws `usage_error`. */
export function readWorkers(
  setting: Setting,
  mcp: McpSettings | undefined,
): { readonly workers: number; readonly mcp: McpSettings | undefined } {
  const workers = workersOf(setting('workers', 'STOA_WORKERS') ?? '1');
  return { workers, mcp: workers === 1 ? mcp : mcp && { ...mcp, limits: undefined } };
}

function workersOf(text: string): number {
  if (text === 'auto') return availableParallelism();
  const workers = Number(text);
  if (/^\d{1,3}$/.test(text) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new StoaError('usage_error', `--workers takes a number from 1 to ${MAX_WORKERS}, or auto; "${text}" is neither.`);
}
