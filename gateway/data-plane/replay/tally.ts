/** Counts what became of replayed requests, in groups to which the same happened. */
import type { Impact, ImpactGroup, RecordedRequest } from '../../../schema/impact.js';
import type { Outcome } from './exchange.js';
import { isKeyFailure } from './keys.js';
import type { Paths } from './paths.js';

const VERDICTS = ['refused', 'allowed', 'moved', 'undecided'] as const;
type Verdict = (typeof VERDICTS)[number];

/** How many different paths a group tells apart, and how many of them it shows. */
const KNOWN_PATHS = 200;
const SHOWN_PATHS = 3;

interface Group extends Omit<ImpactGroup, 'requests' | 'first' | 'last' | 'paths'> {
  requests: number;
  first: number;
  last: number;
  readonly paths: Map<string, { readonly method: string; readonly path: string; requests: number }>;
}

export class Tally {
  readonly #groups: Readonly<Record<Verdict, Map<string, Group>>> = {
    refused: new Map(),
    allowed: new Map(),
    moved: new Map(),
    undecided: new Map(),
  };
  readonly #paths: Paths;
  #requests = 0;
  #asRecorded = 0;

  /** `paths` has learned all that is recorded. */
  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** One request, as today's configuration and the planned one decide it. `isKnown`: the key that was accepted then can still be told whose it is. */
  add(request: RecordedRequest, today: Outcome, planned: Outcome, isKnown: boolean): void {
    this.#requests += 1;
    if (isAsRecorded(request, today)) this.#asRecorded += 1;
    const found = isLost(request, today, isKnown) ? verdictOnLost(request, planned) : verdictOn(today, planned);
    if (found === undefined) return;
    const [verdict, reason, refusal] = found;
    const { tenant, api } = today.route ?? planned.route ?? {};
    const consumer = today.consumer ?? planned.consumer ?? request.consumer;
    const { status, limit: state } = refusal ?? {};
    const limit = state && { requests: state.limit, window_secs: state.windowSeconds };
    const key = JSON.stringify([tenant, api, consumer, reason, status, limit]);
    const groups = this.#groups[verdict];
    const group = groups.get(key) ?? {
      tenant,
      api,
      consumer,
      reason,
      status,
      limit,
      requests: 0,
      first: request.at,
      last: request.at,
      paths: new Map(),
    };
    groups.set(key, count(group, request, this.#paths.template(request, today.route ?? planned.route)));
  }

  /** All that was counted. `since` and `until` are epoch milliseconds. */
  result(since: number, until: number, notes: readonly string[]): Impact {
    const [refused, allowed, moved, undecided] = VERDICTS.map((verdict) => shown(this.#groups[verdict])) as [Shown, Shown, Shown, Shown];
    const consumers = new Set(refused.map(({ tenant, consumer }) => (consumer === undefined ? undefined : `${tenant ?? ''}/${consumer}`)));
    consumers.delete(undefined);
    return {
      schema_version: 1,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      summary: {
        requests: this.#requests,
        refused: sumOf(refused),
        allowed: sumOf(allowed),
        moved: sumOf(moved),
        undecided: sumOf(undecided),
        consumers: consumers.size,
        as_recorded: this.#asRecorded,
      },
      refused,
      allowed,
      moved,
      undecided,
      notes,
    };
  }
}

type Shown = readonly ImpactGroup[];
const sumOf = (groups: Shown): number => groups.reduce((sum, { requests }) => sum + requests, 0);

/** Whether the gateway decided then as the configuration of today decides. What an upstream answered is not the gateway's. */
function isAsRecorded({ status, reason, api }: RecordedRequest, { refusal }: Outcome): boolean {
  if (refusal !== undefined) return refusal.status === status;
  return reason === undefined && !(status === 404 && api === undefined);
}

/** Whether its key says no more what came of it: it is not held any more, or what is refused today for want of a good one was let in then. */
function isLost({ api, reason }: RecordedRequest, { refusal }: Outcome, isKnown: boolean): boolean {
  if (refusal === undefined) return !isKnown;
  return api !== undefined && isKeyFailure(refusal.reason) && !isKeyFailure(reason);
}

/** Decided before anybody looks at a key. */
const BEFORE_KEYS: ReadonlySet<string> = new Set(['no_route', 'api_not_activated', 'not_served', 'method_not_allowed']);

/** What can be said without the key, and where it takes the key, that nothing can. */
function verdictOnLost({ key }: RecordedRequest, { refusal }: Outcome): [Verdict, string, Outcome['refusal']?] {
  if (refusal !== undefined && BEFORE_KEYS.has(refusal.reason)) return ['refused', refusal.reason, refusal];
  return ['undecided', key === undefined ? 'no key was looked at then' : 'the key is no longer known'];
}

/** What the change does to a request, and why; undefined when it does nothing. */
function verdictOn(today: Outcome, planned: Outcome): [Verdict, string, Outcome['refusal']?] | undefined {
  if (planned.refusal !== undefined) return today.refusal === undefined ? ['refused', planned.refusal.reason, planned.refusal] : undefined;
  const unknown = planned.demands.filter(({ rule }) => !today.demands.some((demand) => demand.rule === rule)).map(({ what }) => what);
  if (planned.maxBodyBytes < today.maxBodyBytes) unknown.push('the size of the body');
  if (unknown.length > 0) return ['undecided', unknown.join(', ')];
  if (today.refusal !== undefined) return ['allowed', today.refusal.reason, today.refusal];
  const { route } = planned;
  return route?.id === today.route?.id ? undefined : ['moved', `${route?.tenant ?? ''}/${route?.api ?? ''}`];
}

function count(group: Group, { at, method }: RecordedRequest, template: string): Group {
  group.requests += 1;
  group.first = Math.min(group.first, at);
  group.last = Math.max(group.last, at);
  const key = `${method} ${template}`;
  const known = group.paths.get(key);
  if (known !== undefined) known.requests += 1;
  else if (group.paths.size < KNOWN_PATHS) group.paths.set(key, { method, path: template, requests: 1 });
  return group;
}

const shown = (groups: ReadonlyMap<string, Group>): Shown =>
  [...groups.values()]
    .sort((a, b) => b.requests - a.requests)
    .map(({ first, last, paths, ...group }) => ({
      ...group,
      first: new Date(first).toISOString(),
      last: new Date(last).toISOString(),
      paths: [...paths.values()].sort((a, b) => b.requests - a.requests).slice(0, SHOWN_PATHS),
    }));
