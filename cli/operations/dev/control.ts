/** What another terminal may ask of a running `stoactl dev`, and what comes back. */
import { StoaError } from '../../../schema/error.js';
import { SERVICES, type EmitDevEvent, type ServiceName } from './events.js';
import { healthOf } from './health.js';
import type { DevPart, PartState } from './part.js';

export const ACTIONS = ['ps', 'start', 'stop', 'restart'] as const;
export type ControlAction = (typeof ACTIONS)[number];

export interface ControlRequest {
  readonly action: ControlAction;
  /** Undefined for all. */
  readonly service?: ServiceName | undefined;
}

/** A part as it is at the moment. */
export interface ServiceStatus {
  readonly service: ServiceName;
  readonly state: PartState;
  readonly health: 'healthy' | 'unhealthy' | 'none';
  /** Why it is not well; empty when it is. */
  readonly detail: string;
  readonly url: string;
  readonly pid: number | null;
  readonly since: string | null;
}

/** Answers requests about these parts; actions run one after the other, whoever asks. */
export function controller(parts: readonly DevPart[], emit: EmitDevEvent): (request: ControlRequest) => Promise<readonly ServiceStatus[]> {
  let last: Promise<unknown> = Promise.resolve();
  return async ({ action, service }) => {
    const chosen = parts.filter(({ name }) => service === undefined || name === service);
    if (action !== 'ps') {
      const done = last.then(() => perform(action, chosen, emit));
      last = done.catch(() => undefined);
      await done;
    }
    return Promise.all([...chosen].sort(byStart).map(statusOf));
  };
}

async function perform(action: Exclude<ControlAction, 'ps'>, parts: readonly DevPart[], emit: EmitDevEvent): Promise<void> {
  if (action === 'restart')
    for (const part of parts) {
      await part.stop();
      await part.start();
    }
  // The gateway drains first and starts last.
  if (action === 'stop') for (const part of [...parts].sort(byStart).reverse()) await stopPart(part, emit);
  if (action === 'start') for (const part of [...parts].sort(byStart)) if (part.state === 'stopped') await part.start();
}

async function stopPart(part: DevPart, emit: EmitDevEvent): Promise<void> {
  if (part.state === 'stopped') return;
  await part.stop();
  emit({ type: 'halted', service: part.name });
}

const byStart = (a: DevPart, b: DevPart): number => SERVICES.indexOf(a.name) - SERVICES.indexOf(b.name);

async function statusOf({ name, url, state, pid, since, problem }: DevPart): Promise<ServiceStatus> {
  const { isHealthy, detail } = state === 'running' ? await healthOf(url) : { isHealthy: false, detail: problem };
  return {
    service: name,
    state,
    health: state !== 'running' ? 'none' : isHealthy ? 'healthy' : 'unhealthy',
    detail,
    url,
    pid: pid ?? null,
    since: since === undefined ? null : new Date(since).toISOString(),
  };
}

/** A request from outside. Throws `usage_error` for what this version does not know. */
export function parseRequest(text: string): ControlRequest {
  const { action, service } = JSON.parse(text) as { action?: unknown; service?: unknown };
  const known = ACTIONS.find((name) => name === action);
  const named = SERVICES.find((name) => name === service);
  if (known !== undefined && (service === undefined || named !== undefined)) return { action: known, service: named };
  throw new StoaError('usage_error', `This "stoactl dev" cannot do ${JSON.stringify(action)} to ${JSON.stringify(service)}.`, {
    hint: 'Is it of another version? End it and start it again.',
  });
}
