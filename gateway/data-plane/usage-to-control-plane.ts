/** The way of measurements to the control plane: numbered reports, one at a time, on the disk before they are sent. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { request } from 'undici';
import type { UsageReport } from '../../schema/sync.js';
import type { TokenSource } from './control-plane-token.js';
import { jsonItems, readSealed, writeSealed, writeSealedSync, type Pieces } from './sealed-file.js';
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

/** What the file holds beside the measurements that no report has. */
interface State {
  readonly gateway: string;
  /** Of the last report that was made. */
  readonly number: number;
  /** Made, and not known to be taken; those that go next are the first. */
  readonly unsent: readonly UsageReport[];
}

/** Up to now one report was made at a time. */
interface Content extends Omit<State, 'unsent'> {
  readonly unsent: readonly UsageReport[] | UsageReport | null;
  readonly rest: Usage;
}

const INTERVAL_MS = 2000;
const TIMEOUT_MS = 10_000;
const STOP_GRACE_MS = 2000;
const MAX_ENTRIES = 1000;
/** The file is written once for so many reports at most: the more there is, the more rarely it is written. */
const MAX_REPORTS = 20;
const ENTRIES_PER_REPORT_AT_ONCE = 10_000;

/** Starts to report. */
export function startUsageDelivery(options: UsageDeliveryOptions): UsageDelivery {
  const { meter, directory, isConnected, onProblem, intervalMs = INTERVAL_MS } = options;
  const file = join(directory, 'usage.json');
  let state = load(file, meter, onProblem);
  let savedVersion = -1;
  let hasFailed = false;
  /** Whether the file has all reports that were made: none is sent before. */
  let isOnDisk = true;

  const save = async (): Promise<void> => {
    const { version } = meter;
    if (version === savedVersion) return;
    await writeSealed(file, content(state, meter));
    savedVersion = version;
    isOnDisk = true;
  };
  /** One report, or several where much waits. */
  const makeReports = async (): Promise<void> => {
    const count = Math.min(MAX_REPORTS, Math.ceil((meter.size + 1) / ENTRIES_PER_REPORT_AT_ONCE));
    for (let made = 0; made < count; made += 1) {
      const usage = meter.drain(MAX_ENTRIES);
      if (usage === undefined) return;
      const number = state.number + 1;
      isOnDisk = false;
      state = { ...state, number, unsent: [...state.unsent, { gateway: state.gateway, number, ...usage }] };
      await nextTurn();
    }
  };
  /** Sends one report at most. Whether one was taken. */
  const tick = async (signal: AbortSignal): Promise<boolean> => {
    const mayWait = isOnDisk && state.unsent.length > 0 && meter.size > ENTRIES_PER_REPORT_AT_ONCE && !hasFailed && isConnected();
    if (state.unsent.length === 0) await makeReports();
    if (!mayWait) await save();
    const [report, ...others] = state.unsent;
    if (report === undefined || !isConnected()) return false;
    hasFailed = true;
    if ((await post(options, report, signal)) === 'refused') onProblem(`Report ${report.number} was refused; what it holds is lost.`);
    hasFailed = false;
    state = { ...state, unsent: others };
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
      let left = MAX_REPORTS;
      while (left > 0 && (await tick(end).catch(() => false))) left -= 1;
      try {
        writeSealedSync(file, content(state, meter));
      } catch (error) {
        onProblem(`${file} cannot be written (${error instanceof Error ? error.message : String(error)}).`);
      }
    },
  };
}

/** The file's text, in pieces. */
function* content({ gateway, number, unsent }: State, meter: UsageMeter): Pieces {
  const { entries, keys } = meter.pending();
  yield `{"format":1,"gateway":${JSON.stringify(gateway)},"number":${number},"unsent":[`;
  for (const [index, report] of unsent.entries()) yield `${index === 0 ? '' : ','}${JSON.stringify(report)}`;
  yield '],"rest":{"entries":[';
  yield* jsonItems(entries);
  yield '],"keys":[';
  yield* jsonItems(keys);
  yield ']}';
}

/** What the last run left. A damaged file begins a new numbering: what was in it is lost, and nothing is counted twice. */
function load(file: string, meter: UsageMeter, onProblem: (problem: string) => void): State {
  const content = readSealed(file);
  if (content.state === 'whole') {
    const { gateway, number, unsent, rest } = content.value as Content;
    meter.add(rest);
    return { gateway, number, unsent: [unsent ?? []].flat() };
  }
  if (content.state === 'damaged') onProblem(`${file} is damaged: ${content.reason}. The measurements in it are lost.`);
  return { gateway: randomUUID(), number: 0, unsent: [] };
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
