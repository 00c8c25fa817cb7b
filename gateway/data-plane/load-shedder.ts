/** Refuses a part of the requests when there is more to do than the process can: what is let in is answered in time, and memory stays bounded. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { AccessLog } from './access-log.js';

/** How much the process has to do. */
export interface Load {
  /** Milliseconds by which the event loop is late. */
  readonly delayMs: number;
  /** What is used of the heap that the process may have: 0 to 1. */
  readonly heap: number;
}

export interface LoadShedder {
  /** Whether this request is refused. Of many requests, `share` of them are, evenly. */
  refuses(): boolean;
  /** 0: all are let in; 1: none. */
  readonly share: number;
  /** How many were refused so far. */
  readonly refused: number;
  stop(): void;
}

export interface LoadShedderOptions {
  /** Asked once per interval. */
  measure?(): Load;
  /** Told when it begins to refuse and when it lets everything in again. */
  onChange(isShedding: boolean, load: Load): void;
}

const INTERVAL_MS = 250;
const RESOLUTION_MS = 20;
/** So many measurements in a row have to say the same: a pause of the machine or one long turn is no overload. */
const SUSTAINED = 4;
/** From the first on some are refused, from the second on all. A loop that is this late has a second of work or more queued. */
const DELAY_MS = [250, 1000] as const;
const HEAP = [0.85, 0.95] as const;
/** So small a share is none. */
const LEAST = 0.02;

/** Measures until `stop`. */
export function startLoadShedder({ measure, onChange }: LoadShedderOptions): LoadShedder {
  const meter = measure === undefined ? startMeter() : { measure, stop: () => undefined };
  let wanted = Array.from({ length: SUSTAINED }, () => 0);
  let share = 0;
  let refused = 0;
  /** Grows by `share` with every request; a whole one is a refusal. */
  let owed = 0;
  const timer = setInterval(() => {
    const load = meter.measure();
    wanted = [...wanted.slice(1), wantedShare(load)];
    const before = share;
    // Half of the way each time: a share that jumped would swing between all and nothing.
    const next = (before + Math.min(...wanted)) / 2;
    share = next < LEAST ? 0 : next;
    if (share > 0 !== before > 0) onChange(share > 0, load);
  }, INTERVAL_MS).unref();
  return {
    refuses() {
      if (share === 0) return false;
      owed += share;
      if (owed < 1) return false;
      owed -= 1;
      refused += 1;
      return true;
    },
    get share() {
      return share;
    },
    get refused() {
      return refused;
    },
    stop() {
      clearInterval(timer);
      meter.stop();
    },
  };
}

/** Measures this process, and says in the log when it begins and ends to refuse. */
export const watchLoad = (log: Pick<AccessLog, 'event'>): LoadShedder =>
  startLoadShedder({
    onChange: (isShedding, { delayMs, heap }) =>
      log.event(isShedding ? 'error' : 'info', isShedding ? 'overload_began' : 'overload_ended', {
        delay_ms: Math.round(delayMs),
        heap_percent: Math.round(heap * 100),
      }),
  });

/** The share of requests to refuse under a load, before it is smoothed. */
export const wantedShare = ({ delayMs, heap }: Load): number => Math.max(ramp(delayMs, DELAY_MS), ramp(heap, HEAP));

const ramp = (value: number, [from, to]: readonly [from: number, to: number]): number =>
  Math.min(1, Math.max(0, (value - from) / (to - from)));

function startMeter(): { measure(): Load; stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let last = performance.now();
  return {
    measure() {
      const { mean } = delays;
      delays.reset();
      const own = performance.now() - last - INTERVAL_MS;
      last += own + INTERVAL_MS;
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      // In one long turn nothing but this very timer may have been measured.
      return { delayMs: Math.max(0, own, Number.isNaN(mean) ? 0 : mean / 1e6 - RESOLUTION_MS), heap: used / limit };
    },
    stop: () => delays.disable(),
  };
}
