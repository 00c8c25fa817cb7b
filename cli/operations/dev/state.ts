/** The events of `dev` folded into what the terminal view shows. */
import type { DevEvent, ServiceName } from './events.js';

const KEPT_REQUESTS = 8;
const KEPT_ERRORS = 4;
const KEPT_DIFF_LINES = 12;
/** Asked for every few seconds by this view and by monitors: not worth a line. */
const WATCHING = /^\/(health|metrics)(\/|$)/;

export interface ServiceState {
  readonly name: ServiceName;
  readonly status: 'starting' | 'ready' | 'degraded' | 'down' | 'stopped';
  readonly url: string;
  readonly detail: string;
}

export interface RequestState {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly consumer: string;
}

export interface ApplyState {
  readonly at: string;
  readonly isApplied: boolean;
  readonly summary: string;
  readonly lines: readonly string[];
}

export interface DevState {
  readonly services: readonly ServiceState[];
  /** Newest last. */
  readonly requests: readonly RequestState[];
  readonly lastApply: ApplyState | undefined;
  /** Newest last. */
  readonly errors: readonly string[];
  readonly isStopping: boolean;
}

export const initialState: DevState = { services: [], requests: [], lastApply: undefined, errors: [], isStopping: false };

/** The state after an event. `at` is the time of day as shown. */
export function reduce(state: DevState, event: DevEvent, at: string): DevState {
  switch (event.type) {
    case 'starting':
      return withService(state, event.service, { status: 'starting', detail: '' });
    case 'ready':
      return withService(state, event.service, { status: 'ready', url: event.url, detail: '' });
    case 'halted':
      return withService(state, event.service, { status: 'stopped', detail: '' });
    case 'health':
      return withHealth(state, event);
    case 'died':
      return withError(
        withService(state, event.service, { status: 'down', detail: event.reason }),
        `${at} ${event.service} ended: ${event.reason}; restarting`,
      );
    case 'restart_failed':
      return withError(
        withService(state, event.service, { status: 'down', detail: event.reason }),
        `${at} ${event.service}: ${event.reason}`,
      );
    case 'output':
      return withOutput(state, event, at);
    case 'applied':
      return { ...state, lastApply: { at, isApplied: true, summary: event.summary, lines: tail(event.text) } };
    case 'apply_failed':
      return {
        ...state,
        lastApply: { at, isApplied: false, summary: 'not applied; the running configuration stays as it was', lines: tail(event.text) },
      };
    case 'notice':
      return withError(state, `${at} ${event.text}`);
    case 'stopping':
      return { ...state, isStopping: true };
    case 'stopped':
      return state;
  }
}

const tail = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, KEPT_DIFF_LINES);

function withService(state: DevState, name: ServiceName, change: Partial<ServiceState>): DevState {
  const before = state.services.find((service) => service.name === name) ?? { name, status: 'starting', url: '', detail: '' };
  const others = state.services.filter((service) => service.name !== name);
  return { ...state, services: [...others, { ...before, ...change }].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function withHealth(state: DevState, { service, isHealthy, detail }: Extract<DevEvent, { type: 'health' }>): DevState {
  const current = state.services.find(({ name }) => name === service);
  // While a service is neither ready nor degraded, its supervisor knows better.
  if (current === undefined || (current.status !== 'ready' && current.status !== 'degraded')) return state;
  const status = isHealthy ? 'ready' : 'degraded';
  return current.status === status && current.detail === detail ? state : withService(state, service, { status, detail });
}

const withError = (state: DevState, text: string): DevState => ({ ...state, errors: [...state.errors, text].slice(-KEPT_ERRORS) });

function withOutput(state: DevState, { service, stream, lines }: Extract<DevEvent, { type: 'output' }>, at: string): DevState {
  const texts = lastLines(lines, KEPT_REQUESTS);
  if (stream === 'stderr') return texts.reduce((next, text) => withError(next, `${at} ${service}: ${text}`), state);
  const entries = texts.flatMap((text) => parseLogLine(text, at));
  const requests = service === 'gateway' ? entries.filter(isRequest) : [];
  const problems = entries.flatMap((entry) => ('problem' in entry ? [`${at} ${service}: ${entry.problem}`] : []));
  if (requests.length === 0 && problems.length === 0) return state;
  const next = { ...state, requests: [...state.requests, ...requests].slice(-KEPT_REQUESTS) };
  return problems.reduce(withError, next);
}

/** Under load a chunk holds hundreds of lines, of which only the last can be shown. */
function lastLines(bytes: Buffer, count: number): string[] {
  let start = bytes.length - 1;
  for (let found = 0; start > 0 && found < count; found++) start = bytes.lastIndexOf(0x0a, start - 1);
  return bytes
    .subarray(Math.max(0, start))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

interface Problem {
  readonly problem: string;
}

const isRequest = (entry: RequestState | Problem): entry is RequestState => 'latencyMs' in entry;

function parseLogLine(text: string, at: string): (RequestState | Problem)[] {
  const line = parseObject(text);
  if (line === undefined) return [];
  const { event, level, method, path, status, latency_ms, consumer, reason, error } = line;
  if (typeof path === 'string' && WATCHING.test(path)) return [];
  if (event === 'request completed' && typeof path === 'string' && typeof status === 'number')
    return [
      { at, method: textOf(method), path, status, latencyMs: typeof latency_ms === 'number' ? latency_ms : 0, consumer: textOf(consumer) },
    ];
  if (level !== 'error' && level !== 'fatal') return [];
  return [
    {
      problem: [event, path, reason, error]
        .map(textOf)
        .filter((part) => part !== '')
        .join(' '),
    },
  ];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
