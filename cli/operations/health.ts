/** Whether the parts of the product answer: each is asked once, all at the same time. */
import { deadline } from '../deadline.js';
import { unreachableReason } from '../http.js';
import type { Settings } from '../settings.js';

export interface PartHealth {
  readonly part: 'control plane' | 'issuer' | 'gateway';
  readonly url: string;
  readonly state: 'ok' | 'degraded' | 'down';
  /** Version and time since the start, or what is wrong. */
  readonly detail: string;
  /** What to do; absent when all is well. */
  readonly action?: string;
}

export interface Status {
  readonly schema_version: 1;
  readonly healthy: boolean;
  readonly parts: readonly PartHealth[];
}

const TIMEOUT_MS = 5000;

/** The health of every part. Never throws for a part that is down. */
export async function statusOf({ server, authServer, realm, gatewayServer }: Settings): Promise<Status> {
  const parts = await Promise.all([controlPlane(server), issuer(authServer, realm), gateway(gatewayServer)]);
  return { schema_version: 1, healthy: parts.every(({ state }) => state !== 'down'), parts };
}

async function controlPlane(url: string): Promise<PartHealth> {
  const [health, ready] = await Promise.all([ask(`${url}/health`), ask(`${url}/health/ready`)]);
  const about = { part: 'control plane', url } as const;
  if (health.problem !== undefined)
    return {
      ...about,
      state: 'down',
      detail: health.problem,
      action: startIt(health.problem, 'Start it, or check STOA_API_URL. Gateways serve on meanwhile.'),
    };
  if (ready.problem !== undefined)
    return {
      ...about,
      state: 'down',
      detail: `it lives, and is not ready: ${ready.problem}`,
      action: 'Look at its log: the database cannot be written.',
    };
  return { ...about, state: 'ok', detail: versionOf(health.body) };
}

async function issuer(url: string, realm: string): Promise<PartHealth> {
  const { problem } = await ask(`${url}/realms/${encodeURIComponent(realm)}/.well-known/openid-configuration`);
  const about = { part: 'issuer', url } as const;
  if (problem === undefined) return { ...about, state: 'ok', detail: `realm ${realm}` };
  return { ...about, state: 'down', detail: problem, action: 'Check STOA_AUTH_URL and STOA_REALM; without it nobody signs in.' };
}

async function gateway(url: string): Promise<PartHealth> {
  const [health, ready] = await Promise.all([ask(`${url}/health`), ask(`${url}/health/ready`)]);
  const about = { part: 'gateway', url } as const;
  if (health.problem !== undefined)
    return {
      ...about,
      state: 'down',
      detail: health.problem,
      action: startIt(health.problem, 'Start it, or check STOA_GATEWAY_URL. Look at its log.'),
    };
  if (ready.problem !== undefined)
    return {
      ...about,
      state: 'down',
      detail: `it lives, and is not ready: ${ready.problem}`,
      action: 'It has no configuration yet: is the control plane reachable from it?',
    };
  if (ready.body['control_plane'] === 'disconnected')
    return {
      ...about,
      state: 'degraded',
      detail: `${versionOf(health.body)}; the control plane is away`,
      action: 'Traffic goes on; changes wait. Look at the control plane.',
    };
  return { ...about, state: 'ok', detail: versionOf(health.body) };
}

const FOREIGN = 'but not like a part of STOA';

/** What to do about a part that is down: another program may hold its port. */
const startIt = (problem: string, action: string): string =>
  problem.includes(FOREIGN)
    ? 'Another program holds this port: stop it, or give the part another port and this command its address.'
    : action;

interface Reply {
  readonly problem?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(url: string): Promise<Reply> {
  const { signal, end } = deadline(TIMEOUT_MS);
  try {
    const answer = await fetch(url, { signal, redirect: 'error' });
    const text = await answer.text();
    const body = parse(text);
    if (body === undefined) return { body: {}, problem: `it answers ${answer.status}, ${FOREIGN}` };
    return answer.ok ? { body } : { body, problem: `it answers ${answer.status}` };
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    return { body: {}, problem: isLate ? `no answer within ${TIMEOUT_MS / 1000} s` : `it cannot be reached: ${unreachableReason(error)}` };
  } finally {
    end();
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function versionOf({ version, uptime_seconds: seconds }: Readonly<Record<string, unknown>>): string {
  const up =
    typeof seconds !== 'number' ? '' : `, up ${seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`}`;
  return `version ${typeof version === 'string' ? version : 'unknown'}${up}`;
}
