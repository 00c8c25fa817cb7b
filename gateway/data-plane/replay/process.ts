/** The process of a replay: the parent gives the configurations and what gateways have recorded, and is told what the change would have done. */
import { errorBody, StoaError } from '../../../schema/error.js';
import {
  REPLAY,
  type Impact,
  type RecordedRequest,
  type ReplayAnswer,
  type ReplayOrder,
  type PlannedObjects,
} from '../../../schema/impact.js';
import { freeze } from '../../clock.js';
import { isOwnPath } from '../own-routes.js';
import { Paths } from './paths.js';
import { Tally } from './tally.js';
import { countedFrom } from './windows.js';
import { createWorlds } from './world.js';

const MAX_REQUESTS = 3_000_000;

/** Serves one replay and ends with it. Throws `usage_error` for a process without a parent. */
export function serveReplay(): void {
  if (process.send === undefined)
    throw new StoaError('usage_error', `${REPLAY} is for "stoactl diff --impact", which starts this process as its child.`);
  const say = (answer: ReplayAnswer): void =>
    void process.send?.(answer, () => {
      if (answer.type !== 'began') process.exit(0);
    });
  const replay = new Replay();
  process.on('message', (order: ReplayOrder) => {
    try {
      const answer = replay.take(order);
      if (answer !== undefined) say(answer);
    } catch (error) {
      const known =
        error instanceof StoaError ? error : new StoaError('internal_error', error instanceof Error ? error.stack : String(error));
      say({ type: 'failed', error: errorBody(known).error });
    }
  });
  process.once('disconnect', () => process.exit(0));
}

/** Takes the orders of one replay. Throws `usage_error` for more requests than it holds. */
export class Replay {
  #begin: Extract<ReplayOrder, { type: 'begin' }> | undefined;
  readonly #recorded = new Map<string, (readonly RecordedRequest[])[]>();
  readonly #most: number;
  #count = 0;

  constructor(most: number = MAX_REQUESTS) {
    this.#most = most;
  }

  /** Where to begin, and the impact once the end was reached. */
  take(order: ReplayOrder): ReplayAnswer | undefined {
    if (order.type === 'begin') {
      this.#begin = order;
      return { type: 'began', from: countedFrom(order.objects, order.since) };
    }
    if (order.type === 'requests') this.#keep(order.gateway, order.requests);
    else if (this.#begin !== undefined) {
      const recorded = new Map([...this.#recorded].map(([gateway, batches]) => [gateway, batches.flat()]));
      return { type: 'impact', impact: judge(this.#begin, recorded) };
    }
    return undefined;
  }

  #keep(gateway: string, requests: readonly RecordedRequest[]): void {
    const kept = this.#recorded.get(gateway) ?? [];
    this.#recorded.set(gateway, kept);
    if (requests.length > 0) kept.push(requests);
    this.#count += requests.length;
    while (this.#count > this.#most) this.#forget();
  }

  /** Of too many, the oldest that are only counted are left out; those that are judged are never. */
  #forget(): void {
    const since = this.#begin?.since ?? 0;
    const countedOnly = [...this.#recorded.values()].filter(([oldest]) => oldest?.every(({ at }) => at < since) === true);
    const startOf = ([oldest]: readonly (readonly RecordedRequest[])[]): number => oldest?.[0]?.at ?? 0;
    const dropped = countedOnly.sort((a, b) => startOf(a) - startOf(b))[0]?.shift();
    if (dropped === undefined)
      throw new StoaError('usage_error', `The logs hold more than ${this.#most} requests of this time.`, {
        hint: 'Give a shorter time, such as --impact 1h.',
      });
    this.#count -= dropped.length;
  }
}

/** Replays the requests of each gateway by themselves: each of them counts alone. */
export function judge(
  { objects, since, until }: { readonly objects: PlannedObjects; readonly since: number; readonly until: number },
  gateways: ReadonlyMap<string, readonly RecordedRequest[]>,
): Impact {
  const paths = new Paths();
  for (const recorded of gateways.values()) for (const request of recorded) paths.learn(request);
  const tally = new Tally(paths);
  const from = countedFrom(objects, since);
  const notes: string[] = [];
  for (const [gateway, recorded] of gateways) {
    const requests = recorded.filter((request) => request.at <= until && isReplayable(request)).sort((a, b) => a.at - b.at);
    const first = requests[0]?.at;
    if (first === undefined || first > since) notes.push(beginning(gateway, first));
    else if (first > from) notes.push(`${beginning(gateway, first).slice(0, -1)}: ${uncounted(from)}`);
    freeze(first ?? since);
    const { today, planned, knows } = createWorlds(objects);
    for (const request of requests) {
      freeze(request.at);
      const before = today.send(request);
      const after = planned.send(request, before.demands);
      if (request.at >= since) tally.add(request, before, after, knows(request));
    }
  }
  return tally.result(since, until, notes);
}

/** What reached a route, or none. The gateway's own addresses, what was no sound request and what was shed are the same under any configuration. */
const isReplayable = ({ path, api, status }: RecordedRequest): boolean => !isOwnPath(path) && (api !== undefined || status === 404);

/** What a limit or quota would have counted that is not there. */
const uncounted = (from: number): string => `limits and quotas that look back to ${new Date(from).toISOString()} may have counted more.`;

/** Where a log begins later than what was asked for, nobody may take its silence for an answer. */
const beginning = (gateway: string, first: number | undefined): string =>
  first === undefined ? `${gateway} has no request of this time.` : `${gateway} begins at ${new Date(first).toISOString()}.`;
