/** The course of `diff --impact`: what gateways hold and would hold, and the recorded requests under both. */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Plan } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { Impact, RecordedRequest } from '../../../schema/impact.js';
import type { Client } from '../../client.js';
import type { Environment } from '../../settings.js';
import { expectedOf, type PlannedRequest } from '../change.js';
import { sinceOf } from '../logs/select.js';
import { logSources } from '../logs/sources.js';
import { streamLogs } from '../logs/stream.js';
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
/** So much more is read, so that limits have counted when the time begins. */
const WARM_UP_MS = 3_600_000;
const BATCH = 2000;

/** Replays what the logs hold. Throws `usage_error`, `not_found` for a log that is not there, `conflict` when the plan no longer holds. */
export async function findImpact(options: ImpactOptions): Promise<Impact> {
  const { planned, plan, client, now, env } = options;
  const since = sinceOf(options.since, now, '--impact') ?? now;
  const replay = new Replay(env);
  try {
    const objects = await client.preview({ ...planned.request, expect: expectedOf(plan) });
    await replay.begin(objects, since, now);
    const unknown = await sendRequests(options, since - WARM_UP_MS, replay);
    const impact = await replay.end();
    if (unknown === 0) return impact;
    const note = `${unknown} requests are left out: the gateway was an older one and did not record with which key they came.`;
    return { ...impact, notes: [...impact.notes, note] };
  } finally {
    replay.close();
  }
}

/** Throws `usage_error` for a time that is none, and where no log is named: what `stoactl dev` serves here says nothing about a server elsewhere. */
export function requireReplayable(since: string, logs: readonly string[], server: string): void {
  sinceOf(since, 0, '--impact');
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(server).hostname);
  if (logs.length > 0 || isHere) return;
  throw new StoaError('usage_error', `--impact needs the logs of the gateways of ${server}.`, {
    hint: 'Name them with --log FILE, one for each gateway, or pipe one in with --log -.',
  });
}

/** Gives everything to the replay; returns how many requests cannot be replayed. */
async function sendRequests({ logs, stdin, signal }: ImpactOptions, since: number, replay: Replay): Promise<number> {
  const sources = await logSources(logs, resolve(DEV_DIRECTORY), stdin);
  let unknown = 0;
  for (const source of sources) {
    let batch: RecordedRequest[] = [];
    const sent: Promise<void>[] = [replay.add(source.name, [])];
    await streamLogs([source], { filter: { since, event: 'request completed' }, tail: undefined, isFollowing: false, signal }, (line) => {
      const request = recordOf(line);
      if (request === 'unknown') unknown += 1;
      else if (request !== undefined) batch.push(request);
      if (batch.length < BATCH) return;
      sent.push(replay.add(source.name, batch));
      batch = [];
    });
    await Promise.all([...sent, replay.add(source.name, batch)]);
  }
  return unknown;
}
