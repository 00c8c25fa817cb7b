/** The course of `stoactl dev`: start, seed, say what to try, watch, and drain when asked to stop. */
import { randomBytes } from 'node:crypto';
import type { Plan } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { Resource } from '../../../schema/resource.js';
import type { GlobalFlags } from '../../settings.js';
import type { SourceLine } from '../../views/diagnostics.js';
import { controller } from './control.js';
import { openControl, socketOf } from './control-socket.js';
import { devClient, devSettings, type Connection } from './connection.js';
import { sampleCall } from './dev-key.js';
import { EchoPart } from './echo-part.js';
import { startEchoUpstream, type EchoUpstream } from './echo-upstream.js';
import type { DevEvent, EmitDevEvent, ServiceName } from './events.js';
import { LogFiles } from './log-files.js';
import { DevManifests } from './manifests.js';
import type { NextSteps, SampleCall } from './next-steps.js';
import type { DevPart } from './part.js';
import { ancestorsOf, placesOf } from './places.js';
import { Stack, type RunningStack, type StackOptions } from './stack.js';
import { untilFollowed } from './settled.js';
import { watchDirectories } from './watch.js';

/** Where the example manifests expect the echo upstream. */
const ECHO_PORT = 3999;
const ECHO_VARIABLE = 'STOA_ECHO_URL';
const DEFAULT_CLIENT = 'control-plane-api';

export interface DevOptions extends Omit<StackOptions, 'bootstrapSecret'> {
  readonly hasSeed: boolean;
  readonly cwd: string;
  readonly flags: GlobalFlags;
}

/** What `dev` shows, and how. */
export interface DevOutput {
  readonly emit: EmitDevEvent;
  /** Everything runs: how to reach it. */
  running(steps: NextSteps): void;
  /** A live view may begin. */
  live(services: Readonly<Partial<Record<ServiceName, string>>>): Promise<void>;
  /** Takes a live view away. */
  close(): void;
  readonly planText: (plan: Plan) => Promise<string>;
  readonly errorText: (error: StoaError, sourceLine: SourceLine | undefined) => string;
}

/** Runs until `stopped` is aborted, then drains and resolves. Throws a `StoaError`, with everything ended, when a part cannot start. */
export async function runDev(options: DevOptions, output: DevOutput, stopped: AbortSignal): Promise<void> {
  const bootstrapSecret = randomBytes(32).toString('base64url');
  const closers: (() => unknown)[] = [];
  const listeners: EmitDevEvent[] = [output.emit];
  const emit = (event: DevEvent): void => listeners.forEach((listener) => listener(event));
  const stack = new Stack({ ...options, bootstrapSecret }, emit);
  stopped.addEventListener('abort', () => {
    emit({ type: 'stopping', signal: String(stopped.reason) });
    void stack.stop();
  });
  try {
    const running = await stack.start((port) => listeners.push(keepLogs(options, port, emit, closers)));
    const connection = { controlUrl: running.controlUrl, bootstrapSecret };
    const seed =
      options.hasSeed && options.only !== 'gateway' ? await plantSeed(options, connection, running, output, emit, closers) : undefined;
    if (seed !== undefined) listeners.push(seed.onEvent);
    await takeCommands(options, running, [...stack.parts, ...(seed === undefined ? [] : [seed.echo])], emit, closers);
    if (options.only !== 'gateway') output.running(stepsOf(options, running, seed));
    await output.live(servicesOf(options, running));
    await aborted(stopped);
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    output.close();
    await stack.stop();
    for (const close of closers.reverse()) await close();
  }
  emit({ type: 'stopped' });
}

/** The port by which a further gateway of a data directory is known; undefined for the stack itself. */
const furtherGateway = ({ only }: DevOptions, port: number): number | undefined => (only === 'gateway' ? port : undefined);

function keepLogs(options: DevOptions, gatewayPort: number, emit: EmitDevEvent, closers: (() => unknown)[]): EmitDevEvent {
  const logs = new LogFiles(options.dataDir, furtherGateway(options, gatewayPort), (text) => emit({ type: 'notice', text }));
  closers.push(() => logs.close());
  return logs.onEvent;
}

/** Other terminals may steer it. Where the file system has no sockets, it runs all the same. */
async function takeCommands(
  options: DevOptions,
  { gatewayUrl }: RunningStack,
  parts: readonly DevPart[],
  emit: EmitDevEvent,
  closers: (() => unknown)[],
): Promise<void> {
  try {
    const path = socketOf(options.dataDir, furtherGateway(options, Number(new URL(gatewayUrl).port)));
    closers.push(await openControl(path, controller(parts, emit)));
  } catch (error) {
    emit({ type: 'notice', text: `"stoactl dev ps" and its like will not find this one: ${(error as Error).message}` });
  }
}

interface Seed {
  readonly echo: EchoPart;
  readonly call: SampleCall | undefined;
  readonly onEvent: EmitDevEvent;
}

/** Starts the echo upstream, applies the manifests, makes a key, and watches. */
async function plantSeed(
  options: DevOptions,
  connection: Connection,
  running: RunningStack,
  output: DevOutput,
  emit: EmitDevEvent,
  closers: (() => unknown)[],
): Promise<Seed> {
  const echo = new EchoPart(await startEcho(), emit);
  closers.push(() => echo.stop());
  emit({ type: 'ready', service: 'echo-upstream', url: echo.url });
  const client = devClient(connection);
  const settings = () => devSettings(options.flags, options.env, options.cwd, connection);
  const env = { ...options.env, [ECHO_VARIABLE]: options.env[ECHO_VARIABLE] ?? echo.url };
  const { planText, errorText } = output;
  const manifests = new DevManifests({ settings, env, cwd: options.cwd, dataDir: options.dataDir, client, emit, planText, errorText });
  const again = await watchManifests(manifests, settings, options, closers);
  const resources = await manifests.apply();
  const call = resources === undefined ? undefined : await callOf(resources, running.gatewayUrl, client, emit);
  // Where it takes longer, what is printed next is right a moment later.
  if (options.only === undefined) await untilFollowed(connection, running.gatewayUrl);
  // After a restart the control plane has what was acknowledged; an edit of the meantime it has not.
  return { echo, call, onEvent: (event) => event.type === 'ready' && event.service === 'control-plane' && again() };
}

async function watchManifests(
  manifests: DevManifests,
  settings: () => ReturnType<typeof devSettings>,
  { dataDir, cwd }: DevOptions,
  closers: (() => unknown)[],
): Promise<() => void> {
  let isFollowing = false;
  const follow = async (): Promise<void> => {
    try {
      await watch.follow(placesOf(await settings()));
      isFollowing = true;
    } catch {
      // The configuration cannot be read at the moment; the apply reports it. What was watched stays so; at a start, its place is looked for.
      if (!isFollowing) await watch.follow({ trees: [], directories: ancestorsOf(cwd) });
    }
  };
  const again = (): void => void follow().then(() => manifests.applyAgain());
  const watch = watchDirectories(again, [dataDir]);
  closers.push(() => watch.close());
  await follow();
  return again;
}

async function startEcho(): Promise<EchoUpstream> {
  try {
    return await startEchoUpstream(ECHO_PORT);
  } catch {
    // Another stack's; the manifests are told where ours is.
    return startEchoUpstream(0);
  }
}

/** A key to try is a convenience: without it everything else still runs. */
async function callOf(
  resources: readonly Resource[],
  gatewayUrl: string,
  client: Parameters<typeof sampleCall>[2],
  emit: EmitDevEvent,
): Promise<SampleCall | undefined> {
  try {
    return await sampleCall(resources, gatewayUrl, client);
  } catch (error) {
    emit({ type: 'notice', text: `no key to try could be made: ${error instanceof StoaError ? error.message : String(error)}` });
    return undefined;
  }
}

function stepsOf(
  { only, env, adminToken }: DevOptions,
  { controlUrl, gatewayUrl, firstRun }: RunningStack,
  seed: Seed | undefined,
): NextSteps {
  const chosen = env['STOA_CLIENT_SECRET'];
  const isDefaultEcho = seed === undefined || seed.echo.url.endsWith(`:${ECHO_PORT}`);
  return {
    controlUrl,
    gatewayUrl,
    clientId: firstRun?.client_id ?? DEFAULT_CLIENT,
    clientSecret: firstRun?.client_secret ?? (chosen === '' ? undefined : chosen),
    isSecretNew: firstRun !== undefined,
    echoUrl: isDefaultEcho ? undefined : seed.echo.url,
    call: seed?.call,
    hasAdminToken: adminToken !== undefined || only === 'control',
    consoleUrl: `${controlUrl}/console`,
    portalUrl: only === 'gateway' ? undefined : `${controlUrl}/portal`,
  };
}

function servicesOf({ only }: DevOptions, { controlUrl, gatewayUrl }: RunningStack): Partial<Record<ServiceName, string>> {
  return {
    ...(only === 'gateway' ? {} : { 'control-plane': controlUrl }),
    ...(only === 'control' ? {} : { gateway: gatewayUrl }),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}
