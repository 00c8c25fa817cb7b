/** One gateway's stream: a copy or the changes it lacks, then every change as it is committed, with a sign of life in between. */
import type { ControlPlane } from '../context.js';
import type { Feed } from './feed.js';

interface StreamOptions {
  readonly cp: ControlPlane;
  readonly feed: Feed;
  /** Number of the last change that the gateway holds; undefined for none. */
  readonly since: number | undefined;
  /** Ends the stream: the gateway has gone or the server stops. */
  readonly signal: AbortSignal;
  /** Time between two signs of life; 5 s when absent. */
  readonly pingMs?: number | undefined;
}

const PING_MS = 5000;

/** Text of the stream, until `signal` aborts. Whoever reads it slowly is waited for, and gets later changes merged. */
export async function* streamChanges({ cp, feed, since, signal, pingMs = PING_MS }: StreamOptions): AsyncGenerator<string> {
  const bell = watchAnnouncements(cp, signal);
  let number = since;
  let pingAt = 0;
  while (!signal.aborted) {
    bell.reset();
    const message = await feed.read(number);
    if (message !== undefined) {
      yield* message.pieces;
      number = message.number;
      continue;
    }
    if (performance.now() >= pingAt) {
      yield feed.ping();
      pingAt = performance.now() + pingMs;
    }
    await bell.wait(pingAt - performance.now());
  }
}

/** Remembers announcements that come while the stream is busy, so that none is missed. */
interface Bell {
  reset(): void;
  /** Resolves as soon as an announcement has come since `reset`, when the stream ends, or after a time without either. */
  wait(ms: number): Promise<void>;
}

function watchAnnouncements(cp: ControlPlane, signal: AbortSignal): Bell {
  let hasRung = false;
  let wake = (): void => undefined;
  const ring = (): void => {
    hasRung = true;
    wake();
  };
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      await cp.nextAnnouncement();
      ring();
    }
  };
  signal.addEventListener('abort', ring, { once: true });
  void watch();
  return {
    reset: () => {
      hasRung = false;
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (hasRung || signal.aborted) wake();
      }),
  };
}
