/** A gateway without a network: the engine and the pipeline of the real one over a configuration, for requests that are over. */
import { hash } from 'node:crypto';
import type { HeldObjects, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import type { SyncCredential, SyncObjects } from '../../../schema/sync.js';
import { now } from '../../clock.js';
import type { PolicyDefinition } from '../../policies/contract.js';
import { policies } from '../../policies/index.js';
import type { AccessLog } from '../access-log.js';
import { createEngine, type Engine } from '../engine.js';
import type { Gateway } from '../exchange.js';
import { errorReply } from '../own-routes.js';
import { RuntimeState } from '../runtime-state.js';
import { createUsageMeter } from '../usage-meter.js';
import { RecordedCertificates, replay, ReplayedExchange, type Demand, type Outcome } from './exchange.js';
import { keysAsThen } from './keys.js';

export interface World {
  /** Requests come in the order of time, with the clock at theirs. */
  send(request: RecordedRequest, met?: readonly Demand[]): Outcome;
}

export interface Worlds {
  readonly today: World;
  readonly planned: World;
  /** Whether the consumer whose key was accepted then can be found by it today. */
  knows(request: RecordedRequest): boolean;
}

/** The configuration of today and the planned one. Counters and everything else that lives begins empty in both. */
export function createWorlds({ current, put, remove }: PlannedObjects): Worlds {
  const today = createEmpty();
  const planned = createEmpty(today.engine);
  for (const { engine } of [today, planned]) engine.source.replace(recognised(current), { number: 1, store: 'replay' });
  planned.engine.source.change({ type: 'change', number: 2, put: recognised(put), remove }, 'replay');
  const knows = ({ key, consumer }: RecordedRequest): boolean =>
    consumer === undefined || (key !== undefined && today.engine.keys.find(key)?.consumerName === consumer);
  return { today: today.world, planned: planned.world, knows };
}

/** Gateways know keys by their digest; here the id of a key stands for it. */
const recognised = ({ credentials, ...objects }: HeldObjects): SyncObjects => ({
  ...objects,
  credentials: credentials.map((credential): SyncCredential => ({ ...credential, digest: hash('sha256', credential.id) })),
});

const nothing = (): void => undefined;
const UNWATCHED = { observe: nothing, cached: nothing };

/** A fault of ours must not pass for an answer. */
const LOG: AccessLog = {
  has: () => false,
  flush: nothing,
  event: (level, _event, { error }) => {
    if (level === 'error' && error !== undefined) throw new Error(String(error));
  },
};

/** `today`: what says which keys have ended by themselves; absent for the engine of today. */
function createEmpty(today?: Engine): { readonly engine: Engine; readonly world: World } {
  const state = new RuntimeState(now, { verifier: () => () => Promise.reject(new TypeError('No token is verified in a replay.')) });
  const engine = createEngine({
    policies: policies.map(asRecorded),
    state,
    now,
    isUnhurried: () => true,
    metricsOf: () => UNWATCHED,
    onProblem: nothing,
    onPublish: nothing,
    onGone: nothing,
  });
  const gateway: Gateway = {
    snapshot: () => engine.publisher.snapshot,
    keys: engine.keys,
    answers: state.answers,
    isReady: () => true,
    events: { record: nothing },
    certificates: new RecordedCertificates(),
    load: { refuses: () => false },
    usage: createUsageMeter(nothing),
    log: LOG,
    now,
  };
  const asThen = keysAsThen(engine.keys, (today ?? engine).keys);
  return { engine, world: { send: (request, met) => replay({ ...gateway, keys: asThen(request) }, request, met) } };
}

/** A policy that judges what no log holds answers as it did then, where it asks the same. */
function asRecorded(definition: PolicyDefinition): PolicyDefinition {
  const { type, unrecorded } = definition;
  if (unrecorded === undefined) return definition;
  return {
    ...definition,
    compile: (config) => {
      const demand: Demand = { what: unrecorded.what, rule: `${type} ${JSON.stringify(config)}` };
      return {
        request(exchange) {
          if (!(exchange instanceof ReplayedExchange) || !unrecorded.concerns(exchange.method)) return undefined;
          const { recorded } = exchange;
          if (!exchange.asks(demand, unrecorded.hasAnswered(recorded))) return undefined;
          return recorded.status < 400
            ? { status: recorded.status, headers: [], body: '' }
            : { ...errorReply(recorded.status === 403 ? 'forbidden' : 'unauthorized'), reason: recorded.reason ?? 'policy' };
        },
      };
    },
  };
}
