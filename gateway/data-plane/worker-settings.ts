/** How many processes serve, and what they cannot do together. */
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

type Setting = (flag: 'workers' | 'mcp', variable: string) => string | undefined;

/** The number of workers, and the settings of MCP where one process serves: its sessions live in one. Throws `usage_error`. */
export function readWorkers(
  setting: Setting,
  mcp: McpSettings | undefined,
): { readonly workers: number; readonly mcp: McpSettings | undefined } {
  const workers = workersOf(setting('workers', 'STOA_WORKERS') ?? '1');
  if (workers === 1) return { workers, mcp };
  if (setting('mcp', 'STOA_MCP') === 'true')
    throw new StoaError('usage_error', '--mcp true goes with one process: the sessions of MCP clients are not shared by workers.', {
      hint: 'Leave --workers out, or start another gateway for MCP clients.',
    });
  return { workers, mcp: undefined };
}

function workersOf(text: string): number {
  if (text === 'auto') return availableParallelism();
  const workers = Number(text);
  if (/^\d{1,3}$/.test(text) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new StoaError('usage_error', `--workers takes a number from 1 to ${MAX_WORKERS}, or auto; "${text}" is neither.`);
}
