/** The course of `diff --impact`: what gateways hold and would hold, and the recorded requests under both. */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Plan } from '../../../schema/change.js';
import type { Impact, RecordedRequest } from '../../../schema/impact.js';
import type { Client } from '../../client.js';
import type { Environment } from '../../settings.js';
import { expectedOf, type PlannedRequest } from '../change.js';
import { sinceOf } from '../logs/select.js';
import { logSources } from '../logs/sources.js';
import { streamLogs, type LogSource } from '../logs/stream.js';
import { requireLogs } from './logs.js';
import { recordOf } from './record.js';
import { Replay } from './replay.js';

export interface ImpactOptions {
  readonly planned: PlannedRequest;
  readonly plan: Plan;
  readonly client: Client;
  /** A duration, or the time where it begins. */
  readonly since: string;
  /** Logs of gateways, one each; `-` for stdin. None: those of `stoactl dev`. */
  readonly logs: readonly string[];
  readonly env: Environment;
  readonly stdin: Readable;
  readonly now: number;
  readonly signal: AbortSignal;
}

const DEV_DIRECTORY = '.stoa';
const BATCH = 2000;

/** Replays what the logs hold. Throws `usage_error`, `not_found` for a log that is not there, `conflict` when the plan no longer holds. */
export async function findImpact(options: ImpactOptions): Promise<Impact> {
  const { planned, plan, client, now, env } = options;
  const since = sinceOf(options.since, now, '--impact') ?? now;
  const replay = new Replay(env);
  try {
    const objects = await client.preview({ ...planned.request, expect: expectedOf(plan) });
    const from = await replay.begin(objects, since, now);
    const unknown = await sendRequests(options, from, replay);
    const impact = await replay.end();
    if (unknown === 0) return impact;
    const note = `${unknown} requests are left out: the gateway was an older one and did not record with which key they came.`;
    return { ...impact, notes: [...impact.notes, note] };
  } finally {
    replay.close();
  }
}

/** Throws `usage_error` for a time that is none, and for logs that a replay may not take. */
export async function requireReplayable(since: string, logs: readonly string[], server: string): Promise<void> {
  sinceOf(since, 0, '--impact');
  await requireLogs(logs, server);
}

/** Gives everything to the replay, no faster than it takes it; returns how many requests cannot be replayed. */
async function sendRequests({ logs, stdin, signal }: ImpactOptions, since: number, replay: Replay): Promise<number> {
  const sources = await logSources(logs, resolve(DEV_DIRECTORY), stdin);
  let unknown = 0;
  try {
    for (const source of sources) unknown += await sendSource(source, since, replay, signal);
  } finally {
    for (const source of sources) await source.close();
  }
  return unknown;
}

/** One log; where it is that of several containers, each of them is a gateway of its own. */
async function sendSource(source: LogSource, since: number, replay: Replay, signal: AbortSignal): Promise<number> {
  const gateways = new Map<string, RecordedRequest[]>();
  let unknown = 0;
  const options = { filter: { since, event: 'request completed' }, tail: undefined, isFollowing: false, signal };
  await streamLogs([source], options, (line) => {
    const request = recordOf(line);
    if (request === 'unknown') unknown += 1;
    if (request === 'unknown' || request === undefined) return undefined;
    const gateway = line.container === undefined ? source.name : `${source.name} ${line.container}`;
    const batch = gateways.get(gateway) ?? [];
    batch.push(request);
    gateways.set(gateway, batch.length < BATCH ? batch : []);
    return batch.length < BATCH ? undefined : replay.add(gateway, batch);
  });
  if (gateways.size === 0) await replay.add(source.name, []);
  for (const [gateway, batch] of gateways) await replay.add(gateway, batch);
  return unknown;
}
