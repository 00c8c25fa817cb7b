/** How the MCP endpoint is set up: its flags, and what they come to. */
import { StoaError } from '../../schema/error.js';
import { readBoolean, type FlagTexts } from '../process-settings.js';
import type { SessionLimits } from './mcp/sessions.js';
import type { OriginRules } from './mcp/transport.js';

export interface McpSettings {
  /** Undefined: clients keep no sessions. */
  readonly limits: SessionLimits | undefined;
  readonly origins: OriginRules;
}

export const MCP_FLAGS = {
  mcp: { type: 'string', value: 'true|false', variable: 'STOA_MCP', summary: 'Offer APIs to MCP clients at /mcp.', absent: 'true' },
  'mcp-origins': {
    type: 'string',
    value: 'ORIGINS',
    variable: 'STOA_MCP_ORIGINS',
    summary: 'Whose pages may use /mcp from a browser, parted by commas.',
    absent: 'nobody, on loopback those of this machine',
  },
  'mcp-sessions-per-key': {
    type: 'string',
    value: 'NUMBER',
    variable: 'STOA_MCP_SESSIONS_PER_KEY',
    summary: 'How many MCP sessions one key may have.',
    absent: '100',
  },
  'mcp-session-ttl': {
    type: 'string',
    value: 'SECONDS',
    variable: 'STOA_MCP_SESSION_TTL',
    summary: 'How long an MCP session lives.',
    absent: '86400',
  },
  'mcp-session-idle': {
    type: 'string',
    value: 'SECONDS',
    variable: 'STOA_MCP_SESSION_IDLE',
    summary: 'How long an MCP session lives after its last request, without a stream.',
    absent: '1800',
  },
} as const satisfies FlagTexts;

type Setting = (flag: keyof typeof MCP_FLAGS, variable: string) => string | undefined;

/** Reads the flags; undefined when the endpoint is turned off. Throws `usage_error`. */
export function readMcp(setting: Setting, isLoopback: boolean): McpSettings | undefined {
  const isOn = readBoolean('mcp', setting('mcp', 'STOA_MCP'), true);
  const settings: McpSettings = {
    origins: { origins: readOrigins(setting('mcp-origins', 'STOA_MCP_ORIGINS') ?? ''), allowLocal: isLoopback },
    limits: {
      perKey: readNumber('mcp-sessions-per-key', setting('mcp-sessions-per-key', 'STOA_MCP_SESSIONS_PER_KEY') ?? '100', 10_000),
      ttlMs: readNumber('mcp-session-ttl', setting('mcp-session-ttl', 'STOA_MCP_SESSION_TTL') ?? '86400', 30 * 86_400) * 1000,
      idleMs: readNumber('mcp-session-idle', setting('mcp-session-idle', 'STOA_MCP_SESSION_IDLE') ?? '1800', 30 * 86_400) * 1000,
    },
  };
  return isOn ? settings : undefined;
}

function readNumber(flag: string, text: string, most: number): number {
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= 1 && number <= most) return number;
  throw new StoaError('usage_error', `--${flag} is a number from 1 to ${most}; "${text}" is none.`);
}

/** Origins as browsers send them: no path, no port that goes without saying. */
function readOrigins(text: string): readonly string[] {
  const origins = text.split(',').map((each) => each.trim());
  return origins.filter(Boolean).map((origin) => {
    const { origin: read = '' } = URL.canParse(origin) ? new URL(origin) : {};
    if (/^https?:/.test(origin) && read === origin.replace(/\/$/, '')) return read;
    throw new StoaError('usage_error', `--mcp-origins takes origins such as https://app.example.com; "${origin}" is none.`);
  });
}
