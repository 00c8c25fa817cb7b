/** Rate limits of Kong: one becomes the policy, the next one stands in the APIs. */
import type { Resource } from '../../../schema/resource.js';
import type { Importer } from './report.js';
import { numberOf, textOf, type Foreign } from './source.js';

export interface Target {
  readonly kind: 'API' | 'Consumer';
  readonly name: string;
  readonly consumer?: string;
}

/** What a plugin is about in the terms of the gateway. */
export interface Scope {
  /** Undefined for the whole tenant. */
  readonly targets: readonly Target[] | undefined;
  readonly apis: readonly Resource[];
}

export interface Made {
  readonly type: string;
  readonly config: object;
  /** What is not the same. */
  readonly notes?: readonly string[];
}

interface Limit {
  /** Seconds. */
  readonly window: number;
  readonly limit: number;
}

const WINDOWS = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const;
const NAMES = new Map<number, string>(Object.entries(WINDOWS).map(([name, seconds]) => [seconds, name]));
const MAX_WINDOW = 31_536_000;

export function rateLimiting(config: Foreign, importer: Importer, scope: Scope): Made | string {
  const limits = Object.entries(WINDOWS).flatMap(([name, window]) => {
    const limit = numberOf(config[name]);
    return limit === undefined ? [] : [{ window, limit }];
  });
  if (limits.length === 0) return 'It has no limit by second, minute, hour or day.';
  const long = ['month', 'year'].filter((name) => numberOf(config[name]) !== undefined);
  return limited(limits, long, { by: textOf(config['limit_by']), importer, scope });
}

/** Pairs of a limit and the length of its window. */
export function rateLimitingAdvanced(config: Foreign, importer: Importer, scope: Scope): Made | string {
  const windows = [config['window_size']].flat();
  const limits = [config['limit']].flat().flatMap((value, index) => {
    const [limit, window] = [numberOf(value), numberOf(windows[index])];
    return limit === undefined || window === undefined || window < 1 || window > MAX_WINDOW ? [] : [{ window, limit }];
  });
  if (limits.length === 0) return 'It has no limit with a window of a second to a year.';
  return limited(limits, [], { by: textOf(config['identifier']), importer, scope });
}

interface Around {
  /** By what it counts. */
  readonly by: string | undefined;
  readonly importer: Importer;
  readonly scope: Scope;
}

/** Of several windows the shortest is the policy, the next one stands in the APIs: only one policy of a type rules. */
function limited(limits: readonly Limit[], long: readonly string[], { by, importer, scope: { apis, targets } }: Around): Made {
  const [first, second, ...others] = [...limits].sort((a, b) => a.window - b.window) as [Limit, ...Limit[]];
  const notes: string[] = [];
  const isForConsumers = targets?.some(({ kind, consumer }) => kind === 'Consumer' || consumer !== undefined) === true;
  const fitting = isForConsumers ? undefined : second;
  if (fitting !== undefined) {
    for (const api of apis) importer.put({ ...api, spec: { ...api.spec, rate_limit: fieldsOf(fitting) } });
    notes.push(`The limit by ${nameOf(fitting)} stands in the APIs, as rate_limit: each API counts for itself.`);
  }
  const lost = [...(fitting === undefined && second !== undefined ? [second] : []), ...others].map(nameOf);
  if (lost.length + long.length > 0)
    notes.push(`The limit by ${[...lost, ...long].join(' and ')} is not imported: a plan's quota can hold it.`);
  if (by !== undefined && by !== 'consumer') notes.push('It counts by consumer, and by address where there is none.');
  return { type: 'rate_limit', config: fieldsOf(first), notes };
}

const nameOf = ({ window }: Limit): string => NAMES.get(window) ?? `${window} seconds`;

function fieldsOf({ window, limit }: Limit): Record<string, number> {
  const name = NAMES.get(window);
  const count = Math.max(1, Math.round(limit));
  return name === undefined ? { limit: count, window_secs: Math.round(window) } : { [`requests_per_${name}`]: count };
}
