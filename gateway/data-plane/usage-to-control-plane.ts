/** The way of measurements to the control plane: numbered reports, one at a time, on the disk before they are sent. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { request } from 'undici';
import type { UsageReport } from '../../schema/sync.js';
import type { TokenSource } from './control-plane-token.js';
import { readSealed, writeSealed, writeSealedSync } from './sealed-file.js';
import type { Usage, UsageMeter } from './usage-meter.js';

export interface UsageDeliveryOptions {
  readonly controlPlaneUrl: string;
  readonly tokens: TokenSource;
  readonly meter: UsageMeter;
  /** Directory of this gateway. */
  readonly directory: string;
  isConnected(): boolean;
  onProblem(problem: string): void;
  /** Time between two looks at what there is to report; 2 s when absent. */
  readonly intervalMs?: number;
}

export interface UsageDelivery {
  /** Reports what is left, as far as the control plane takes it within two seconds, and keeps the rest on the disk. */
  stop(): Promise<void>;
}

/** What the file holds. */
interface State {
  readonly gateway: string;
  /** Of the last report that was made. */
  readonly number: number;
  /** Made, and not known to be taken. */
  readonly unsent: UsageReport | null;
  readonly rest: Usage;
}

const INTERVAL_MS = 2000;
const TIMEOUT_MS = 10_000;
const STOP_GRACE_MS = 2000;
const MAX_ENTRIES = 500;
const MAX_LAST_REPORTS = 20;

/** Starts to report. */
export function startUsageDelivery(options: UsageDeliveryOptions): UsageDelivery {
  const { meter, directory, isConnected, onProblem, intervalMs = INTERVAL_MS } = options;
  const file = join(directory, 'usage.json');
  let state = load(file, meter, onProblem);
  let saved = '';

  const content = (): string => JSON.stringify({ format: 1, ...state, rest: meter.pending() }).slice(0, -1);
  const save = async (): Promise<void> => {
    const text = content();
    if (text === saved) return;
    await writeSealed(file, [text]);
    saved = text;
  };
  const makeReport = (): boolean => {
    const usage = state.unsent === null ? meter.drain(MAX_ENTRIES) : undefined;
    if (usage === undefined) return state.unsent !== null;
    const number = state.number + 1;
    state = { ...state, number, unsent: { gateway: state.gateway, number, ...usage } };
    return true;
  };
  /** One report at most. Whether one was taken. */
  const tick = async (signal: AbortSignal): Promise<boolean> => {
    const isDue = makeReport();
    await save();
    if (!isDue || state.unsent === null || !isConnected()) return false;
    if ((await post(options, state.unsent, signal)) === 'refused') onProblem(`Report ${state.number} was refused; what it holds is lost.`);
    state = { ...state, unsent: null };
    return true;
  };
  const stopping = new AbortController();
  let running: Promise<unknown> | undefined;
  const run = (): void => {
    running ??= tick(stopping.signal)
      .catch(
        (error: unknown) =>
          stopping.signal.aborted || onProblem(`Usage could not be reported: ${error instanceof Error ? error.message : String(error)}`),
      )
      .finally(() => (running = undefined));
  };
  const timer = setInterval(run, intervalMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
      const end = AbortSignal.timeout(STOP_GRACE_MS);
      let left = MAX_LAST_REPORTS;
      while (left > 0 && (await tick(end).catch(() => false))) left -= 1;
      try {
        writeSealedSync(file, [content()]);
      } catch (error) {
        onProblem(`${file} cannot be written (${error instanceof Error ? error.message : String(error)}).`);
      }
    },
  };
}

/** What the last run left. A damaged file begins a new numbering: what was in it is lost, and nothing is counted twice. */
function load(file: string, meter: UsageMeter, onProblem: (problem: string) => void): State {
  const content = readSealed(file);
  if (content.state === 'whole') {
    const { gateway, number, unsent, rest } = content.value as State;
    meter.add(rest);
    return { gateway, number, unsent, rest: { entries: [], keys: [] } };
  }
  if (content.state === 'damaged') onProblem(`${file} is damaged: ${content.reason}. The measurements in it are lost.`);
  return { gateway: randomUUID(), number: 0, unsent: null, rest: { entries: [], keys: [] } };
}

/** Throws when the control plane did not answer, or not now. */
async function post(
  { controlPlaneUrl, tokens }: UsageDeliveryOptions,
  report: UsageReport,
  signal: AbortSignal,
): Promise<'taken' | 'refused'> {
  const { statusCode, body } = await request(`${controlPlaneUrl}/v1/gateways/reports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokens.get()}`, 'content-type': 'application/json' },
    body: JSON.stringify(report),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    signal,
  });
  await body.dump();
  if (statusCode === 401 || statusCode === 403) tokens.refused();
  if (statusCode === 400 || statusCode === 413) return 'refused';
  if (statusCode >= 300) throw new Error(`The control plane answered ${statusCode}.`);
  return 'taken';
}
