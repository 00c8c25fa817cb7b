/** Policies bound to a route become arrays of hooks: which run, in which order, with which counters. */
import { scale, scaleRateLimit } from '../../schema/rate-limit.js';
import type { Hooks, PolicyServices, Stage } from '../policies/contract.js';
import { STAGES } from '../policies/contract.js';
import type { CombineLimits } from './combine-limits.js';
import { errorReply } from './own-routes.js';
import { counterKey, ruling, type Binding } from './policy-bindings.js';
import type { RuntimeState } from './runtime-state.js';

/** Hooks with their place in the request. */
export interface StagedHooks {
  readonly stage: Stage;
  readonly hooks: Hooks;
}

/** For whom policies are compiled. */
export interface HookScope {
  readonly apiKey: string;
  /** Factor on every limit. */
  readonly multiplier: number;
}

export type CompilePolicy = (binding: Binding, scope: HookScope) => StagedHooks;

const REFUSED: Hooks = {
  request: () => errorReply('service_unavailable', 'This API is not served at the moment: one of its policies has an error.'),
};

/**
 * Compiles policies, each once for a scope: routes of one tenant share the hooks of its policies. Those of another factor are made anew, also where
 * the factor has been the same before, so that what a policy tells of its limits is what is in force.
 */
export function createPolicyCompiler(state: RuntimeState, now: () => number): CompilePolicy {
  const made = new WeakMap<object, Map<string, { readonly multiplier: number; readonly hooks: StagedHooks }>>();
  return (binding, { apiKey, multiplier }) => {
    const { policy } = binding;
    const key = counterKey(binding, apiKey);
    const byScope = made.get(policy) ?? new Map<string, { readonly multiplier: number; readonly hooks: StagedHooks }>();
    made.set(policy, byScope);
    const known = byScope.get(key);
    if (known?.multiplier === multiplier) return known.hooks;
    const hooks = compilePolicy(binding, policyServices(state, now, { tenant: policy.source.tenant, key, multiplier }));
    byScope.set(key, { multiplier, hooks });
    return hooks;
  };
}

/** Throws what the policy throws; a policy with a problem refuses every request. */
function compilePolicy({ policy: { usable } }: Binding, services: PolicyServices): StagedHooks {
  if ('problem' in usable) return { stage: 'authorize', hooks: REFUSED };
  const { stage, compile } = usable.definition;
  // The config was parsed by the definition's own schema: the seam where its type is known again.
  return { stage, hooks: compile(usable.config as never, services) };
}

/** For whom something is counted or kept. */
export interface ServiceOwner {
  readonly tenant: string;
  readonly key: string;
  /** Factor on every limit. */
  readonly multiplier: number;
}

/** What a policy may use. Its first limiter counts under the owner's key, further ones beside it. */
export function policyServices(state: RuntimeState, now: () => number, { tenant, key, multiplier }: ServiceOwner): PolicyServices {
  let limiters = 0;
  return {
    now,
    errorReply,
    quota: ({ daily, monthly }) => state.policyQuotas.hooks(key, { daily: scale(daily, multiplier), monthly: scale(monthly, multiplier) }),
    tokens: (rules) => state.tokens.verifier(tenant, rules),
    limiter({ limit, windowSeconds, burst }) {
      limiters += 1;
      const scaled = scaleRateLimit({ limit, window_secs: windowSeconds, burst }, multiplier);
      return state.limiter(limiters === 1 ? key : `${key}#${limiters}`, { limit: scaled.limit, windowSeconds, burst: scaled.burst });
    },
  };
}

/** Whether it runs before the caller is known. */
const isEarly = ({ consumer }: Binding, { stage }: StagedHooks): boolean =>
  stage === 'preflight' || (stage === 'address' && consumer === undefined);

/** Hooks of the bindings for every caller that run before the caller is known. */
export function earlyHooks(bindings: readonly Binding[], compile: (binding: Binding) => StagedHooks): readonly Hooks[] {
  const staged = ruling(bindings).map((binding) => ({ binding, compiled: compile(binding) }));
  const early = staged.filter(({ binding, compiled }) => isEarly(binding, compiled));
  return (['preflight', 'address'] as const).flatMap((stage) =>
    early.filter(({ compiled }) => compiled.stage === stage).map(({ compiled }) => compiled.hooks),
  );
}

/** Hooks of the bindings that rule, in the order of their stages; `extra` limits run beside the policies of the stage `limit`, combined. */
export function orderHooks(
  bindings: readonly Binding[],
  compile: (binding: Binding) => StagedHooks,
  extra: readonly Hooks[],
  combine: CombineLimits,
): readonly Hooks[] {
  const late = ruling(bindings).flatMap((binding) => {
    const compiled = compile(binding);
    return isEarly(binding, compiled) ? [] : [compiled];
  });
  const staged = [...late, ...extra.map((hooks): StagedHooks => ({ stage: 'limit', hooks }))];
  return STAGES.flatMap((stage) => {
    const hooks = staged.filter((candidate) => candidate.stage === stage).map((candidate) => candidate.hooks);
    return stage === 'limit' ? combine(hooks) : hooks;
  });
}
