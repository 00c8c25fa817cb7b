/** Follows the stream of numbered changes of the control plane (`schema/sync.ts`), for as long as the gateway lives. */
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { SyncCredential, SyncMessage, SyncObjects, SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { AccessLog } from './access-log.js';
import type { ConfigSource } from './config-source.js';
import type { TokenSource } from './control-plane-token.js';
import { createLineParser } from './ndjson.js';
import type { Breaker } from './snapshot.js';

export interface SyncTimings {
  /** Without a byte for this long, the connection is taken for lost. The control plane sends a ping every 5 s. */
  readonly stallMs: number;
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
}

export interface SyncClientOptions {
  /** Base URL of the control plane, without a slash at its end. */
  readonly controlPlaneUrl: string;
  readonly source: ConfigSource;
  readonly tokens: TokenSource;
  /** `cp-api-breaker`: held back from connecting while it is open. */
  readonly breaker: Breaker;
  readonly log: Pick<AccessLog, 'event'>;
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** Told after each change; `isWhole` after a full copy. */
  onChange(isWhole: boolean): void;
  readonly timings?: SyncTimings | undefined;
}

export interface SyncClient {
  readonly isConnected: boolean;
  /** Does not wait any longer before the next try. */
  retryNow(): void;
  stop(): Promise<void>;
}

const DEFAULT_TIMINGS: SyncTimings = { stallMs: 15_000, firstRetryMs: 500, maxRetryMs: 3000 };
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** The held configuration does not fit to the control plane's log: another database, or an older copy of it. */
class OutOfStep extends Error {}

/** Starts to follow at once. */
export function startSyncClient(options: SyncClientOptions): SyncClient {
  const { breaker, log, now } = options;
  const timings = options.timings ?? DEFAULT_TIMINGS;
  const stopping = new AbortController();
  let pause = new AbortController();
  let isConnected = false;
  let isInStep = true;
  let failures = 0;

  const wait = async (ms: number): Promise<void> => {
    pause = new AbortController();
    await sleep(ms, undefined, { signal: AbortSignal.any([pause.signal, stopping.signal]), ref: false }).catch(() => undefined);
  };
  const onMessage = (): void => {
    if (!isConnected) {
      log.event('info', 'control_plane_connected', { number: options.source.position?.number });
      // There is one long exchange and never a second success: its first message says that what failed before is over.
      breaker.reset();
    }
    isConnected = true;
    isInStep = true;
    failures = 0;
  };
  const fail = (error: unknown): void => {
    if (stopping.signal.aborted) return;
    if (isConnected || failures === 0) log.event('warn', 'control_plane_disconnected', { reason: messageOf(error) });
    isConnected = false;
    isInStep = !(error instanceof OutOfStep);
    // A stream that fits no more is no fault of the connection: it is asked anew, at once the first time.
    if (isInStep) breaker.failure(now());
    failures += 1;
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const heldBackMs = breaker.admit(now());
      if (heldBackMs > 0) {
        await wait(heldBackMs);
        continue;
      }
      await follow(options, { timings, isInStep, signal: stopping.signal, onMessage }).catch(fail);
      if (isInStep || failures > 1) await wait(retryMs(failures, timings));
    }
  };
  const running = run();
  return {
    get isConnected() {
      return isConnected;
    },
    retryNow: () => pause.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Grows twofold, with up to half of it left to chance, so that many gateways do not come back in step. */
const retryMs = (failures: number, { firstRetryMs, maxRetryMs }: SyncTimings): number =>
  Math.min(maxRetryMs, firstRetryMs * 2 ** Math.max(0, failures - 1)) * (0.5 + Math.random() / 2);

interface Attempt {
  readonly timings: SyncTimings;
  /** False asks for a full copy. */
  readonly isInStep: boolean;
  readonly signal: AbortSignal;
  onMessage(): void;
}

/** One connection, from its start to its end. Always throws: a stream that ends is a stream that was lost. */
async function follow(options: SyncClientOptions, { timings, isInStep, signal, onMessage }: Attempt): Promise<never> {
  const { controlPlaneUrl, source, tokens, breaker, now } = options;
  const stalled = new AbortController();
  const watchdog = setTimeout(() => stalled.abort(new Error(`nothing came for ${timings.stallMs} ms`)), timings.stallMs).unref();
  try {
    const token = await tokens.get();
    const position = isInStep ? source.position : undefined;
    const query =
      position === undefined ? '' : `?${new URLSearchParams({ since: String(position.number), store: position.store }).toString()}`;
    const response = await request(`${controlPlaneUrl}/v1/gateways/stream${query}`, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/x-ndjson' },
      signal: AbortSignal.any([stalled.signal, signal]),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    if (response.statusCode !== 200) {
      if (response.statusCode === 401 || response.statusCode === 403) tokens.refused();
      response.body.on('error', () => undefined).destroy();
      throw new Error(`the control plane answered ${response.statusCode}`);
    }
    breaker.success(now());
    const parser = createLineParser(MAX_LINE_BYTES);
    const take = createReceiver(options, position === undefined);
    for await (const chunk of response.body) {
      watchdog.refresh();
      parser.push(chunk as Uint8Array, (message) => {
        take(message);
        onMessage();
      });
    }
    throw new Error('the control plane ended the stream');
  } catch (error) {
    throw stalled.signal.aborted ? stalled.signal.reason : error;
  } finally {
    clearTimeout(watchdog);
  }
}

interface Copy {
  readonly resources: SyncResource[];
  readonly subscriptions: SyncSubscription[];
  readonly credentials: SyncCredential[];
}

/** Takes the messages of one connection. A full copy is gathered aside, and replaces what is held when its end has come. */
function createReceiver({ source, onChange }: SyncClientOptions, needsCopy: boolean): (value: unknown) => void {
  let copy: Copy | undefined;
  let mayChange = !needsCopy;
  return (value) => {
    const message = asMessage(value);
    if (message === undefined) return;
    switch (message.type) {
      case 'begin':
        copy = { resources: [], subscriptions: [], credentials: [] };
        return;
      case 'objects':
        gather(copy, message.put);
        return;
      case 'end':
        if (copy === undefined) throw new OutOfStep('a full copy ended that had not begun');
        source.replace(copy, { number: message.number, store: message.store });
        copy = undefined;
        mayChange = true;
        onChange(true);
        return;
      case 'change': {
        const held = mayChange ? source.position : undefined;
        if (held === undefined || message.number <= held.number)
          throw new OutOfStep(`change ${message.number} does not follow ${held?.number ?? 'a copy'}`);
        source.change(message, held.store);
        onChange(false);
        return;
      }
      case 'ping':
        checkStep(mayChange ? source.position : undefined, message);
    }
  };
}

function gather(copy: Copy | undefined, { resources, subscriptions, credentials }: SyncObjects): void {
  if (copy === undefined) throw new OutOfStep('objects of a full copy came before its beginning');
  for (const resource of resources) copy.resources.push(resource);
  for (const subscription of subscriptions) copy.subscriptions.push(subscription);
  for (const credential of credentials) copy.credentials.push(credential);
}

/** A ping between two changes may be ahead of what has arrived, never behind it. */
function checkStep(
  held: { readonly number: number; readonly store: string } | undefined,
  ping: { readonly number: number; readonly store: string },
): void {
  if (held === undefined) return;
  if (ping.store !== held.store) throw new OutOfStep('the control plane has another database now');
  if (ping.number < held.number) throw new OutOfStep('the control plane has an older copy of its database now');
}

const TYPES = ['begin', 'objects', 'end', 'change', 'ping'];

/** A message of a kind that this gateway knows; a newer control plane may send others, which are passed over. */
function asMessage(value: unknown): SyncMessage | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) throw new TypeError('the stream holds a line that is no message');
  return typeof value.type === 'string' && TYPES.includes(value.type) ? (value as SyncMessage) : undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return error.message === '' ? code : error.message;
}
