/** How the limits of a request are decided together. */
import type { Exchange, Hooks, Reply } from '../policies/contract.js';

/** Makes of the hooks of the stage `limit` those that run for a request. */
export type CombineLimits = (all: readonly Hooks[]) => readonly Hooks[];

/**
 * Several limits as one: all must let the request pass, and a request that one of them refuses is counted by none. What is reported is the longest
 * wait, so that `Retry-After` is true for all of them. Limits that answer with a promise run by themselves, since another request may come in between.
 */
export const combineLimits: CombineLimits = (all) => {
  const limits = all.filter(canGiveBack);
  if (limits.length < 2) return all;
  const others = all.filter((hooks) => !limits.includes(hooks));
  return [...others, { request: (exchange) => takeAll(limits, exchange), giveBack: (exchange) => giveBackAll(limits, exchange) }];
};

/** Whether what it has counted can be taken back: only such limits are decided together. */
export const canGiveBack = ({ giveBack, response }: Hooks): boolean => giveBack !== undefined && response === undefined;

/** Asks limits in one turn. Returns the refusal with the longest wait; undefined when all let the request pass. */
export function takeAll(limits: readonly Hooks[], exchange: Exchange): Reply | undefined {
  let refusal: Reply | undefined;
  let reported = exchange.limit;
  const counted: Hooks[] = [];
  for (const hooks of limits) {
    exchange.limit = refusal === undefined ? reported : undefined;
    const reply = hooks.request?.(exchange);
    if (reply instanceof Promise) throw new TypeError('A limit that can give back answers at once.');
    if (reply === undefined) {
      counted.push(hooks);
      if (refusal === undefined) reported = exchange.limit;
      continue;
    }
    const isLonger = refusal === undefined || (exchange.limit?.retryAfterMs ?? 0) > (reported?.retryAfterMs ?? 0);
    if (!isLonger) continue;
    refusal = reply;
    reported = exchange.limit;
  }
  exchange.limit = reported;
  if (refusal !== undefined) giveBackAll(counted, exchange);
  return refusal;
}

function giveBackAll(limits: readonly Hooks[], exchange: Exchange): void {
  for (const hooks of limits) hooks.giveBack?.(exchange);
}
