/** Events of live traffic on their way to the control plane: bounded, in batches, delivered at least once under ids that make them count once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { redactApiKeys } from '../../schema/api-key.js';
import type { GatewayEvent } from '../../schema/sync.js';
import { createEventSampler } from './event-sampler.js';
import type { EventSink } from './snapshot.js';

/** The control plane refused a batch for what is in it: the same batch would be refused again. */
export class UnusableEvents extends Error {}

export interface EventQueueOptions {
  /** Unique among gateways and starts: the id of an event is this and a counter. */
  readonly idPrefix: string;
  /** Posts a batch; rejects when the control plane did not take it, with `UnusableEvents` when it never will. */
  readonly post: (events: readonly GatewayEvent[]) => Promise<void>;
  /** Whether to try at all; asked before each batch. */
  readonly isReachable: () => boolean;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  /** Events that were left by the last run. */
  readonly initial?: readonly GatewayEvent[];
  readonly maxEvents?: number;
  readonly flushMs?: number;
}

export interface EventQueue extends EventSink {
  stats(): { readonly queued: number; readonly dropped: number };
  /** What is not delivered yet, oldest first. */
  pending(): readonly GatewayEvent[];
  /** Tries once more to deliver what is left, for at most `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

type Recorded = Parameters<EventSink['record']>[0];

const MAX_EVENTS = 20_000;
const BATCH = 500;
const FLUSH_MS = 200;
const MAX_RETRY_MS = 10_000;
const MAX_TEXT = 1000;
const SAMPLING_MS = 10_000;

/** Starts to deliver. When too many wait, the oldest are dropped and counted. */
export function createEventQueue(options: EventQueueOptions): EventQueue {
  const { idPrefix, post, isReachable, now, maxEvents = MAX_EVENTS, flushMs = FLUSH_MS } = options;
  const queue: GatewayEvent[] = [...(options.initial ?? [])];
  const stopping = new AbortController();
  let counter = 0;
  let dropped = 0;
  let failures = 0;
  let batchSize = BATCH;
  let delivering: Promise<void> | undefined;

  // One unusable event must not hold up all that come after it: batches are halved until it is alone, and then it is dropped.
  const deliverBatch = async (): Promise<void> => {
    const batch = queue.slice(0, batchSize);
    try {
      await post(batch);
      failures = 0;
      batchSize = Math.min(BATCH, batchSize * 2);
      removeBatch(queue, batch);
    } catch (error) {
      if (!(error instanceof UnusableEvents)) failures += 1;
      else if (batch.length > 1) batchSize = Math.ceil(batch.length / 2);
      else dropped += removeBatch(queue, batch);
    }
  };
  const isStopping = (): boolean => stopping.signal.aborted;
  const pause = (): Promise<void> => {
    const ms = failures === 0 ? flushMs : Math.min(MAX_RETRY_MS, flushMs * 2 ** failures);
    return sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
  };
  const pump = async (): Promise<void> => {
    while (queue.length > 0) {
      await pause();
      if (isStopping()) return;
      if (isReachable()) await deliverBatch();
      else failures = Math.max(1, failures);
    }
  };
  const wake = (): void => {
    delivering ??= pump().finally(() => {
      delivering = undefined;
      if (queue.length > 0 && !isStopping()) wake();
    });
  };
  const enqueue = (event: GatewayEvent): void => {
    queue.push(event);
    if (queue.length > maxEvents) {
      queue.shift();
      dropped += 1;
    }
    if (!isStopping()) wake();
  };
  const sampler = createEventSampler(now, enqueue);
  const sampling = setInterval(() => sampler.flush(), SAMPLING_MS).unref();
  if (queue.length > 0) wake();

  return {
    record(event) {
      counter += 1;
      sampler.take(eventOf(`${idPrefix}-${counter}`, new Date(now()).toISOString(), event));
    },
    stats: () => ({ queued: queue.length, dropped }),
    pending: () => queue,
    async stop(graceMs = 2000) {
      clearInterval(sampling);
      sampler.flush(true);
      stopping.abort();
      await delivering;
      const end = now() + graceMs;
      failures = 0;
      while (queue.length > 0 && failures === 0 && isReachable() && now() < end)
        await Promise.race([deliverBatch(), sleep(graceMs, undefined, { ref: false }).then(() => (failures = 1))]);
    },
  };
}

function eventOf(id: string, at: string, { type, route, consumer, subscription, path, status, reason, requestId }: Recorded): GatewayEvent {
  return {
    id,
    at,
    event_type: type,
    tenant: route.tenant,
    api: route.label,
    consumer,
    subscription,
    path: path.slice(0, MAX_TEXT),
    status,
    reason: reason?.slice(0, MAX_TEXT),
    request_id: redactApiKeys(requestId),
  };
}

/** What was dropped meanwhile was dropped from the front: only what is still there goes. Returns how many went. */
function removeBatch(queue: GatewayEvent[], batch: readonly GatewayEvent[]): number {
  const last = batch.at(-1)?.id;
  return queue.splice(0, queue.findIndex(({ id }) => id === last) + 1).length;
}
