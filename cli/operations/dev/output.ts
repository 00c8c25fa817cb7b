/** The forms of `dev`: plain lines, JSON lines, and a live view for a person at a terminal. */
import type { Plan } from '../../../schema/change.js';
import { toFailure } from '../../report.js';
import { plain, type Paint } from '../../views/paint.js';
import type { DevEvent } from './events.js';
import type { DevSource } from '../../views/dev.js';
import { watchHealth } from './health.js';
import { eventObjects, jsonLine, runningObject } from './json-lines.js';
import { eventText } from './lines.js';
import { nextStepsText } from './next-steps.js';
import type { DevOutput } from './run.js';
import { initialState, reduce, type DevState } from './state.js';

const FRAME_MS = 100;

type Sink = (text: string | Buffer) => void;

const textsOf = (paint: Paint): Pick<DevOutput, 'planText' | 'errorText'> => ({
  planText: async (plan: Plan) => (await import('../../views/plan.js')).planText(plan, paint),
  errorText: (error, sourceLine) => toFailure(error, sourceLine).text(paint),
});

/** One line an event, as it happens. */
export function plainOutput(print: Sink, paint: Paint): DevOutput {
  return {
    ...textsOf(paint),
    running: (steps) => print(nextStepsText(steps)),
    emit: (event) => {
      const text = eventText(event);
      if (text.length > 0) print(text);
    },
    live: () => Promise.resolve(),
    close: () => undefined,
  };
}

/** One JSON object a line. */
export function jsonOutput(print: Sink): DevOutput {
  return {
    ...plainOutput(print, plain),
    running: (steps) => print(jsonLine(runningObject(steps))),
    emit: (event) => eventObjects(event).forEach((value) => print(jsonLine(value))),
  };
}

/** Plain lines while it starts and stops, the live view in between. The lines of the services are shown in the view alone. */
export function liveOutput(print: Sink, paint: Paint, quit: () => void): DevOutput {
  let state: DevState = initialState;
  let close: (() => void) | undefined;
  const changed = throttled();
  const printEvent = (event: DevEvent): void => {
    if (event.type !== 'output') print(eventText(event));
    else if (event.stream === 'stderr') print(event.lines);
  };
  const emit = (event: DevEvent): void => {
    state = reduce(state, event, new Date().toTimeString().slice(0, 8));
    if (close === undefined) printEvent(event);
    changed.note();
  };
  return {
    ...textsOf(paint),
    running: (steps) => print(nextStepsText(steps)),
    emit,
    live: async (services) => {
      const { showDev } = await import('../../views/dev.js');
      const unmount = showDev({ current: () => state, subscribe: changed.subscribe }, quit);
      const endHealth = watchHealth(services, emit);
      close = () => {
        endHealth();
        unmount();
      };
    },
    close: () => {
      close?.();
      close = undefined;
    },
  };
}

interface Throttle {
  readonly note: () => void;
  readonly subscribe: DevSource['subscribe'];
}

/** Calls its subscriber once per frame at most: thousands of requests a second are one drawing. */
function throttled(): Throttle {
  const subscribers = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  return {
    note: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const changed of subscribers) changed();
      }, FRAME_MS);
    },
    subscribe: (changed) => {
      subscribers.add(changed);
      return () => subscribers.delete(changed);
    },
  };
}
