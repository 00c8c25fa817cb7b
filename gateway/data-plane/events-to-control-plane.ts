/** The way of events to the control plane, and their rest on the disk while it is away. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import type { GatewayEvent } from '../../schema/sync.js';
import type { TokenSource } from './control-plane-token.js';
import { createEventQueue, UnusableEvents, type EventQueue } from './event-queue.js';
import { readSealed, writeSealed, writeSealedSync } from './sealed-file.js';

export interface EventDeliveryOptions {
  readonly controlPlaneUrl: string;
  readonly tokens: TokenSource;
  /** Directory of this gateway. */
  readonly directory: string;
  isConnected(): boolean;
  onProblem(problem: string): void;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

const TIMEOUT_MS = 10_000;
const SAVE_MS = 2000;
/** Answers that are about the events, not about the control plane or who asks. */
const REFUSED_FOR_GOOD: ReadonlySet<number> = new Set([400, 413, 422]);

/** A queue whose events survive a restart. What waits is written every two seconds and at the end. */
export function startEventDelivery(options: EventDeliveryOptions): EventQueue {
  const { directory, isConnected, onProblem, now } = options;
  const file = join(directory, 'events.json');
  const queue = createEventQueue({
    // Random for each start: a counter that begins anew can never repeat an id.
    idPrefix: `gw-${randomBytes(12).toString('hex')}`,
    post: (events) => postEvents(options, events),
    isReachable: isConnected,
    now,
    initial: readEvents(file, onProblem),
  });
  let saved = queue.stats().queued;
  let saving: Promise<void> | undefined;
  const save = async (): Promise<void> => {
    const { queued } = queue.stats();
    if (queued === 0 && saved === 0) return;
    saved = queued;
    await writeSealed(file, eventPieces(queue.pending())).catch((error: unknown) => onProblem(problemOf(file, error)));
  };
  const timer = setInterval(() => {
    saving ??= save().finally(() => (saving = undefined));
  }, SAVE_MS).unref();
  return {
    record: (event) => queue.record(event),
    stats: () => queue.stats(),
    pending: () => queue.pending(),
    async stop(graceMs) {
      clearInterval(timer);
      await saving;
      await queue.stop(graceMs);
      try {
        if (queue.pending().length > 0) writeSealedSync(file, eventPieces(queue.pending()));
        else rmSync(file, { force: true });
      } catch (error) {
        onProblem(problemOf(file, error));
      }
    },
  };
}

const problemOf = (file: string, error: unknown): string =>
  `${file} cannot be written (${error instanceof Error ? error.message : String(error)}).`;

function readEvents(file: string, onProblem: (problem: string) => void): readonly GatewayEvent[] {
  const content = readSealed(file);
  if (content.state === 'damaged') onProblem(`${file} is damaged: ${content.reason}. The events in it are lost.`);
  return content.state === 'whole' ? (content.value as { readonly events: readonly GatewayEvent[] }).events : [];
}

function* eventPieces(events: readonly GatewayEvent[]): Generator<string> {
  const held = [...events];
  yield '{"format":1,"events":[';
  for (let start = 0; start < held.length; start += 500) {
    const slice = held.slice(start, start + 500).map((event) => JSON.stringify(event));
    yield `${start === 0 ? '' : ','}${slice.join(',')}`;
  }
  yield ']';
}

async function postEvents({ controlPlaneUrl, tokens }: EventDeliveryOptions, events: readonly GatewayEvent[]): Promise<void> {
  const response = await request(`${controlPlaneUrl}/v1/gateways/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokens.get()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  await response.body.dump();
  if (response.statusCode === 401 || response.statusCode === 403) tokens.refused();
  if (REFUSED_FOR_GOOD.has(response.statusCode)) throw new UnusableEvents(`The control plane answered ${response.statusCode}.`);
  if (response.statusCode >= 300) throw new Error(`The control plane answered ${response.statusCode}.`);
}
