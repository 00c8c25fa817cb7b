/** The course of `stoactl test`: read, check, start, and a fresh world for each case. */
import { sortDiagnostics } from '../../../schema/check.js';
import { errorBody, StoaError, type Diagnostic, type ErrorBody } from '../../../schema/error.js';
import type { Resource } from '../../../schema/resource.js';
import type { Client } from '../../client.js';
import type { SourceLine } from '../../views/diagnostics.js';
import { applyPlan, plan, refusalOf, type PlannedRequest } from '../change.js';
import { devClient } from '../dev/connection.js';
import { untilFollowed } from '../dev/settled.js';
import { lineFinder, load, type LoadOptions } from '../load.js';
import { isNamed, readTests, unknownNames, type LocatedCase, type TestPaths } from './files.js';
import { createSender } from './request.js';
import { runCase } from './run-case.js';
import { underTest } from './under-test.js';
import { Upstreams } from './upstreams.js';
import { Worlds, type World } from './worlds.js';

/** A busy machine is no reason to fail. */
const FOLLOW_MS = 30_000;

export interface CaseResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly passed: boolean;
  readonly duration_ms: number;
  readonly failures: readonly Diagnostic[];
}

export interface TestRun {
  readonly schema_version: 1;
  readonly passed: boolean;
  readonly summary: { readonly cases: number; readonly passed: number; readonly failed: number };
  readonly duration_ms: number;
  readonly cases: readonly CaseResult[];
  /** What is wrong with the manifests or the test files; then nothing is run. */
  readonly diagnostics: readonly Diagnostic[];
  readonly error?: ErrorBody['error'];
}

export interface TestOptions {
  readonly tests: TestPaths;
  readonly manifests: LoadOptions;
  readonly signal: AbortSignal;
}

/** Runs every case. Throws for wrong usage and for what is no fault of the tests. */
export async function runTests({ tests: named, manifests, signal }: TestOptions): Promise<{ run: TestRun; sourceLine: SourceLine }> {
  const started = performance.now();
  const { settings, env } = manifests;
  const tests = await readTests(named, manifests);
  if (tests.texts.length === 0) return { run: resultOf([], started), sourceLine: () => undefined };
  // The processes load while the manifests are read.
  const worlds = await Worlds.open(env);
  // Whatever a case waits for has ended then.
  signal.addEventListener('abort', () => void worlds.close());
  const upstreams = new Upstreams();
  try {
    const set = await load(manifests);
    const found = [...set.diagnostics.filter(({ severity }) => severity === 'error'), ...tests.diagnostics];
    const diagnostics = sortDiagnostics([...found, ...unknownNames(tests.cases, set.resources)]);
    const texts = lineFinder(tests.texts);
    const sourceLine: SourceLine = (file, line) => texts(file, line) ?? set.sourceLine(file, line);
    if (diagnostics.length > 0) return { run: notRun(diagnostics, started), sourceLine };
    const resources = await underTest(set.resources, upstreams);
    const cases: CaseResult[] = [];
    for (const test of tests.cases)
      cases.push(await runIn(test, worlds, upstreams, { request: { project: settings.project, resources }, set }, signal));
    return { run: resultOf(cases, started), sourceLine };
  } finally {
    await worlds.close();
    await upstreams.close();
  }
}

/** A case in a world of its own. */
async function runIn(
  located: LocatedCase,
  worlds: Worlds,
  upstreams: Upstreams,
  planned: PlannedRequest,
  signal: AbortSignal,
): Promise<CaseResult> {
  signal.throwIfAborted();
  const started = performance.now();
  const { name, now } = located.test;
  await upstreams.reset();
  const world = await worlds.begin(Date.parse(now));
  const client = devClient(world);
  const sender = createSender(world.gatewayUrl);
  try {
    await apply(planned, client);
    const subscriptions = planned.request.resources.filter(({ kind }) => kind === 'Subscription');
    const keys = await makeKeys(subscriptions.filter(isUsedIn(located)), client);
    await followed(world);
    const advance = (ms: number): Promise<void> => worlds.advance(ms);
    const context = { client, sender, upstreams, subscriptions, keys, advance, followed: () => followed(world) };
    const failures = await runCase(located, context, signal);
    const { file, line, column } = located.place(['name']);
    return { name, file, line, column, passed: failures.length === 0, duration_ms: millisecondsSince(started), failures };
  } finally {
    await sender.close();
  }
}

async function apply(planned: PlannedRequest, client: Client): Promise<void> {
  const shown = await plan(planned, client);
  const refusal = refusalOf(shown);
  if (refusal !== undefined) throw refusal;
  if (shown.changes.length > 0) await applyPlan(planned, shown, {}, client);
}

/** A key for each of them that is active, by its name and by `tenant/name`. */
async function makeKeys(subscriptions: readonly Resource[], client: Client): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const subscription of subscriptions) {
    const { tenant, name } = subscription;
    const { id, lived } = await client.get(subscription);
    if (lived?.['status'] !== 'active') continue;
    const { api_key: key } = await client.createApiKey(tenant, { subscription_id: id, name: 'test' });
    for (const known of [name, `${tenant}/${name}`]) keys.set(known, key);
  }
  return keys;
}

/** Whether a case sends, or rotates, the key of a subscription. */
const isUsedIn =
  ({ test }: LocatedCase) =>
  (subscription: Resource): boolean =>
    test.steps.some(({ request, rotate }) =>
      [request?.key, rotate?.subscription].some((name) => name !== undefined && isNamed(subscription, name)),
    );

async function followed(world: World): Promise<void> {
  if (!(await untilFollowed(world, world.gatewayUrl, FOLLOW_MS)))
    throw new StoaError('service_unavailable', 'The gateway of the tests does not follow its control plane.', { hint: AGAIN });
}

const AGAIN = 'Run it again; where the machine is very busy, alone.';

const millisecondsSince = (started: number): number => Math.round(performance.now() - started);

function resultOf(cases: readonly CaseResult[], started: number): TestRun {
  const failed = cases.filter(({ passed }) => !passed).length;
  const summary = { cases: cases.length, passed: cases.length - failed, failed };
  return { schema_version: 1, passed: failed === 0, summary, duration_ms: millisecondsSince(started), cases, diagnostics: [] };
}

function notRun(diagnostics: readonly Diagnostic[], started: number): TestRun {
  const errors = diagnostics.length;
  const message = `The manifests and tests have ${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was run.`;
  const error = errorBody(new StoaError('validation_error', message, { diagnostics }));
  return { ...resultOf([], started), passed: false, diagnostics, ...error };
}
