/** The process of a replay: the parent gives the configurations and what gateways have recorded, and is told what the change would have done. */
import { errorBody, StoaError, type ErrorBody } from '../../../schema/error.js';
import type { Impact, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import { freeze } from '../../clock.js';
import { isOwnPath } from '../own-routes.js';
import { Tally } from './tally.js';
import { createWorlds } from './world.js';

/** Stands alone on the command line. */
export const REPLAY = '--replay';

type Order =
  /** Requests before `since` are counted by limits and judged by nobody. */
  | { readonly type: 'begin'; readonly objects: PlannedObjects; readonly since: number; readonly until: number }
  /** Requests of one gateway, in any order. */
  | { readonly type: 'requests'; readonly gateway: string; readonly requests: readonly RecordedRequest[] }
  | { readonly type: 'end' };

type Answer = { readonly type: 'impact'; readonly impact: Impact } | { readonly type: 'failed'; readonly error: ErrorBody['error'] };

const MAX_REQUESTS = 3_000_000;

/** Serves one replay and ends with it. Throws `usage_error` for a process without a parent. */
export function serveReplay(): void {
  if (process.send === undefined)
    throw new StoaError('usage_error', `${REPLAY} is for "stoactl diff --impact", which starts this process as its child.`);
  const say = (answer: Answer): void => void process.send?.(answer, () => process.exit(0));
  const replay = new Replay();
  process.on('message', (order: Order) => {
    try {
      const impact = replay.take(order);
      if (impact !== undefined) say({ type: 'impact', impact });
    } catch (error) {
      const known =
        error instanceof StoaError ? error : new StoaError('internal_error', error instanceof Error ? error.stack : String(error));
      say({ type: 'failed', error: errorBody(known).error });
    }
  });
  process.once('disconnect', () => process.exit(0));
}

class Replay {
  #begin: Extract<Order, { type: 'begin' }> | undefined;
  readonly #recorded = new Map<string, RecordedRequest[]>();
  #count = 0;

  /** The impact, once the end was reached. */
  take(order: Order): Impact | undefined {
    if (order.type === 'begin') this.#begin = order;
    else if (order.type === 'requests') this.#keep(order.gateway, order.requests);
    else if (this.#begin !== undefined) return judge(this.#begin, this.#recorded);
    return undefined;
  }

  #keep(gateway: string, requests: readonly RecordedRequest[]): void {
    const kept = this.#recorded.get(gateway) ?? [];
    this.#recorded.set(gateway, kept);
    for (const request of requests) kept.push(request);
    this.#count += requests.length;
    if (this.#count > MAX_REQUESTS)
      throw new StoaError('usage_error', `The logs hold more than ${MAX_REQUESTS} requests of this time.`, {
        hint: 'Give a shorter time, such as --impact 1h.',
      });
  }
}

/** Replays the requests of each gateway by themselves: each of them counts alone. */
export function judge(
  { objects, since, until }: { readonly objects: PlannedObjects; readonly since: number; readonly until: number },
  gateways: ReadonlyMap<string, readonly RecordedRequest[]>,
): Impact {
  const tally = new Tally();
  const notes = [COUNTED];
  for (const [gateway, recorded] of gateways) {
    const requests = recorded.filter((request) => request.at <= until && isReplayable(request)).sort((a, b) => a.at - b.at);
    const first = requests[0]?.at;
    if (first === undefined || first > since) notes.push(beginning(gateway, first));
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

const COUNTED = 'Limits and quotas are counted from the first recorded request on.';

/** Where a log begins later than what was asked for, nobody may take its silence for an answer. */
const beginning = (gateway: string, first: number | undefined): string =>
  first === undefined ? `${gateway} has no request of this time.` : `${gateway} begins at ${new Date(first).toISOString()}.`;
