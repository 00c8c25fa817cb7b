/** What holds and compiles a configuration: that of the gateway that serves, and those between which a replay compares. */
import { catalog } from '../catalog.js';
import type { PolicyDefinition } from '../policies/contract.js';
import { ConfigSource, type Delta } from './config-source.js';
import { createKeyTable, type KeyTable } from './key-table.js';
import { createPolicyReader } from './policy-bindings.js';
import { Publisher, type PublisherOptions } from './publisher.js';
import type { QuotaSources } from './quota-view.js';
import { createLimitsOf, createQuotaOf } from './subscription-limits.js';
import { Topology } from './topology.js';

export interface EngineOptions extends Omit<PublisherOptions, 'catalog' | 'topology'> {
  /** The policy types that it knows. */
  readonly policies: readonly PolicyDefinition[];
  /** Whether a change is compiled in one go: there is no traffic that it could hold up. */
  isUnhurried(): boolean;
  /** Told of each change when it is taken in. */
  onDelta?: ((delta: Delta) => void) | undefined;
}

export interface Engine {
  readonly source: ConfigSource;
  readonly publisher: Publisher;
  readonly keys: KeyTable;
  readonly quotas: QuotaSources;
}

/** An engine without a configuration: what its source takes is compiled and served. */
export function createEngine({ policies, isUnhurried, onDelta, ...options }: EngineOptions): Engine {
  const { state, now } = options;
  const topology = new Topology(createPolicyReader(catalog, policies));
  const publisher = new Publisher({ ...options, catalog, topology });
  const source: ConfigSource = new ConfigSource((delta) => accept(delta));
  const { resources, subscriptions } = source;
  const multiplier = (tenant: string): number => topology.multiplier(tenant);
  const limits = { catalog, state, now, quotas: state.quotas, resources, multiplier };
  const policyQuotas = () => state.policyQuotas.list(publisher.liveCounters());
  const quotas = { quotas: state.quotas, policyQuotas, resources, subscriptions, quotaOf: createQuotaOf(limits) };
  const keys = createKeyTable({ subscriptions, resources, limitsOf: createLimitsOf(limits) });
  const accept = (delta: Delta): void => {
    const { joined } = publisher.apply(delta, source.position?.number ?? 0, isUnhurried());
    keys.apply(delta, joined);
    onDelta?.(delta);
  };
  return { source, publisher, keys, quotas };
}
