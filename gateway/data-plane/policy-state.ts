/** What policies keep and what they reach the outside with, put together for a running gateway. */
import type { AccessLog } from './access-log.js';
import { RuntimeState, type StateOptions } from './runtime-state.js';
import { createTokenVerifiers } from './token-verifier.js';

/** The state of a gateway that starts. `allowPrivate`: whether what tenants name may be on loopback and private addresses. */
export function createRuntimeState(
  now: () => number,
  log: Pick<AccessLog, 'event'>,
  allowPrivate: boolean,
  options?: StateOptions,
): RuntimeState {
  return new RuntimeState(now, createTokenVerifiers({ now, allowPrivate, log }), options);
}
