/** A part of the stack that `dev` runs and that can be stopped and started alone, and the names by which people call it. */
import { suggest } from '../../../schema/did-you-mean.js';
import { StoaError } from '../../../schema/error.js';
import { SERVICES, type ServiceName } from './events.js';

export type PartState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped';

export interface DevPart {
  readonly name: ServiceName;
  readonly url: string;
  readonly state: PartState;
  /** Of its process; undefined while there is none, and for a part without one. */
  readonly pid: number | undefined;
  /** Epoch milliseconds since when it serves; undefined while it does not. */
  readonly since: number | undefined;
  /** Why it had to be started again the last time; empty once it serves. */
  readonly problem: string;
  /** Resolves when it serves. Throws a `StoaError` when it cannot. */
  start(): Promise<unknown>;
  /** Lets it finish what is in flight; it stays stopped until it is started. */
  stop(): Promise<void>;
}

/** Names of document A, whose stack has more containers: the control plane also is database, issuer, console and portal. */
export const ALIASES: Readonly<Record<ServiceName, readonly string[]>> = {
  'control-plane': ['control-plane-api', 'control-plane-ui', 'developer-portal', 'keycloak', 'postgres'],
  gateway: ['stoa-gateway'],
  'echo-upstream': [],
};

/** The part that a word names. Throws `usage_error` with what there is. */
export function serviceNamed(word: string): ServiceName {
  const found = SERVICES.find((name) => name === word || ALIASES[name].includes(word));
  if (found !== undefined) return found;
  const nearest = suggest(word, [...SERVICES, ...Object.values(ALIASES).flat()]);
  throw new StoaError('usage_error', `There is no service "${word}".`, {
    hint: nearest === undefined ? `There are ${SERVICES.join(', ')}.` : `Did you mean "${nearest}"?`,
  });
}
