/** Runs the steps of one case, up to the first that is not as expected. */
import { parseDuration } from '../../../schema/duration.js';
import { StoaError, type Diagnostic } from '../../../schema/error.js';
import { quoted } from '../../../schema/shown.js';
import type { TestRequest, TestStep } from '../../../schema/test-file.js';
import type { Resource } from '../../../schema/resource.js';
import type { Client } from '../../client.js';
import { compareAnswer, compareReceived, type Answer, type Mismatch } from './expect.js';
import { isNamed, type LocatedCase } from './files.js';
import type { Sender } from './request.js';
import type { Upstreams } from './upstreams.js';

const HOUR_MS = 3_600_000;
const SHOWN_BODY = 300;

/** What a case runs in. */
export interface CaseWorld {
  readonly client: Client;
  readonly sender: Sender;
  readonly upstreams: Upstreams;
  readonly subscriptions: readonly Resource[];
  /** API keys by the names that tests give them; steps add to them. */
  readonly keys: Map<string, string>;
  advance(ms: number): Promise<void>;
  /** Waits until the gateway serves what the control plane has acknowledged. */
  followed(): Promise<void>;
}

/** What is not as expected; nothing when the case passes. Throws for what is no fault of the test. */
export async function runCase({ test, place }: LocatedCase, world: CaseWorld, signal: AbortSignal): Promise<Diagnostic[]> {
  for (const [index, step] of test.steps.entries()) {
    signal.throwIfAborted();
    const failures = await runStep(step, world);
    const at = ['steps', index];
    if (failures.length > 0)
      return failures.map(({ path, message, hint }) => ({
        severity: 'error',
        code: 'test_failed',
        message,
        ...(hint === undefined ? {} : { hint }),
        path: [...at, ...path].join('.'),
        source: place([...at, ...path]),
      }));
  }
  return [];
}

interface Failure extends Mismatch {
  readonly hint?: string;
}

async function runStep(step: TestStep, world: CaseWorld): Promise<Failure[]> {
  const { request, expect = {}, advance, upstream } = step;
  try {
    if (request !== undefined) return await runRequest(request, expect, world);
    if (upstream !== undefined) return await runUpstream(upstream, world);
    if (advance !== undefined) await world.advance(parseDuration(advance) ?? 0);
    else await runVerb(step, world);
    return [];
  } catch (error) {
    // What the control plane refuses is an outcome of the test, such as a rotation in an open grace window.
    if (!(error instanceof StoaError) || error.code === 'internal_error' || error.code === 'service_unavailable') throw error;
    return [{ path: [], message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }];
  }
}

async function runRequest(request: TestRequest, expect: NonNullable<TestStep['expect']>, world: CaseWorld): Promise<Failure[]> {
  const { key: name, repeat } = request;
  const key = name === undefined ? undefined : world.keys.get(name);
  if (name !== undefined && key === undefined)
    return [
      {
        path: ['request', 'key'],
        message: `There is no key ${quoted(name)} yet.`,
        hint: 'A step before this one has to approve the subscription, or to rotate its key under this name.',
      },
    ];
  world.upstreams.take();
  for (let count = 1; count <= repeat; count++) {
    const answer = await world.sender.send(request, key);
    const failures = compareAnswer(expect, answer);
    if (failures.length > 0) return described(failures, answer, repeat === 1 ? '' : `Request ${count} of ${repeat}: `);
  }
  return compareReceived(expect.upstream, world.upstreams.take()).map(({ path, message }) => ({ path: ['expect', ...path], message }));
}

/** The first failure also shows the answer. */
function described(failures: readonly Mismatch[], { status, body }: Answer, which: string): Failure[] {
  const shown = body.length > SHOWN_BODY ? `${body.slice(0, SHOWN_BODY)}…` : body;
  return failures.map(({ path, message }, index) => ({
    path: ['expect', ...path],
    message: `${which}${message}`,
    ...(index === 0 ? { hint: `The answer: ${status} ${shown}`.trimEnd() } : {}),
  }));
}

async function runUpstream(script: NonNullable<TestStep['upstream']>, { upstreams }: CaseWorld): Promise<Failure[]> {
  const { host } = script;
  if (host !== undefined && !upstreams.hosts.includes(host)) {
    const hint = upstreams.hosts.length === 0 ? {} : { hint: `Known: ${upstreams.hosts.join(', ')}.` };
    return [{ path: ['upstream', 'host'], message: `No API of the manifests has an upstream at ${quoted(host)}.`, ...hint }];
  }
  await upstreams.follow(script);
  return [];
}

async function runVerb({ rotate, approve, suspend, resume, revoke }: TestStep, world: CaseWorld): Promise<void> {
  const { client, keys } = world;
  const find = (name: string): Resource | undefined => world.subscriptions.find((subscription) => isNamed(subscription, name));
  if (rotate !== undefined) {
    const subscription = find(rotate.subscription);
    const { id } = await client.lived.subscription(subscription?.tenant, subscription?.name ?? rotate.subscription);
    const grace = { grace_period_hours: (parseDuration(rotate.grace) ?? 0) / HOUR_MS };
    keys.set(rotate.as, (await client.rotateSubscriptionKey(id, grace)).new_api_key);
  }
  for (const [verb, name] of Object.entries({ approve, suspend, resume, revoke }) as ['approve', string | undefined][]) {
    if (name === undefined) continue;
    const { tenant, name: own = name } = find(name) ?? {};
    const { api_key: key } = await client.lived.step(tenant, own, verb, {});
    if (key !== null) for (const known of [own, `${tenant ?? ''}/${own}`]) keys.set(known, key);
  }
  await world.followed();
}
