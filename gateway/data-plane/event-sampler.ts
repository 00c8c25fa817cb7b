/** A flood of refused keys must not fill the log of the control plane: of events that repeat, the first of each minute are told one by one, the others as a number. */
import type { GatewayEvent } from '../../schema/sync.js';

const WINDOW_MS = 60_000;
/** Told one by one in a window, for each API and reason. */
const SAMPLES = 20;

interface Window {
  readonly startedAt: number;
  told: number;
  /** The last one that was not told, and how many there were. */
  held: { last: GatewayEvent; count: number } | undefined;
}

export interface EventSampler {
  /** Hands the event on, or counts it. */
  take(event: GatewayEvent): void;
  /** Hands on what was counted in windows that are over, or in all of them. */
  flush(isFinal?: boolean): void;
}

/** Limits that were exceeded are all told: consumers are billed and spoken to by their number. `now` is the wall clock, epoch milliseconds. */
export function createEventSampler(now: () => number, emit: (event: GatewayEvent) => void): EventSampler {
  // As many as there are APIs and reasons: both are configured names.
  const windows = new Map<string, Window>();
  const isOver = ({ startedAt }: Window): boolean => Math.abs(now() - startedAt) >= WINDOW_MS;
  const close = (key: string, window: Window): void => {
    windows.delete(key);
    if (window.held !== undefined) emit({ ...window.held.last, count: window.held.count });
  };
  return {
    take(event) {
      if (event.event_type === 'rate_limit_exceeded') {
        emit(event);
        return;
      }
      const key = [event.event_type, event.tenant, event.api, event.reason].join(' ');
      const known = windows.get(key);
      if (known !== undefined && isOver(known)) close(key, known);
      const window = windows.get(key) ?? { startedAt: now(), told: 0, held: undefined };
      windows.set(key, window);
      if (window.told < SAMPLES) {
        window.told += 1;
        emit(event);
      } else window.held = { last: event, count: (window.held?.count ?? 0) + 1 };
    },
    flush(isFinal = false) {
      for (const [key, window] of [...windows]) if (isFinal || isOver(window)) close(key, window);
    },
  };
}
