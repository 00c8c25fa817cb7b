/**
 * A server process for `stoactl test`: one world after another, each with a clock that stands until the parent moves it on
 * (docs/decisions/0017-test-clock.md). Orders come over the channel to the parent process and in no other way.
 */
import { errorBody, StoaError } from '../schema/error.js';
import { freeze, now } from './clock.js';

/** Stands alone on the command line: what a world is started with comes in the order to start it. */
export const TEST_CLOCK = '--test-clock';

/** A server that was started as it always is. */
export interface World {
  readonly port: number;
  stop(): Promise<void>;
}

type Order =
  /** Starts a world at this instant, and leaves the one that runs to its end. */
  { readonly type: 'start'; readonly args: readonly string[]; readonly at: number } | { readonly type: 'advance'; readonly ms: number };

type Answer =
  | { readonly type: 'idle' }
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: object };

/** Serves until the parent goes or a signal comes. Throws `usage_error` for a process without a parent to take orders from. */
export function serveWorlds(start: (args: readonly string[]) => Promise<World>): void {
  if (process.send === undefined)
    throw new StoaError('usage_error', `${TEST_CLOCK} is for "stoactl test", which starts this process as its child.`);
  const say = (answer: Answer): void => void process.send?.(answer);
  let world: World | undefined;
  const end = async (): Promise<void> => world?.stop();
  const carryOut = async (order: Order): Promise<Answer> => {
    if (order.type === 'advance') {
      freeze(now() + order.ms);
      return { type: 'done' };
    }
    // It may have connections to wait for, which are nobody's concern any more.
    void end();
    world = undefined;
    freeze(order.at);
    world = await start(order.args);
    return { type: 'ready', port: world.port };
  };
  let last: Promise<unknown> = Promise.resolve();
  process.on('message', (order) => {
    last = last.then(() => carryOut(order as Order).catch(failure)).then((answer) => say(answer));
  });
  const exit = (): void => void last.then(end).finally(() => process.exit(0));
  process.once('disconnect', exit);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, exit);
  say({ type: 'idle' });
}

function failure(error: unknown): Answer {
  const known = error instanceof StoaError ? error : new StoaError('internal_error', error instanceof Error ? error.stack : String(error));
  return { type: 'failed', error: errorBody(known).error };
}

/** A clock that somebody else moves is for nobody but this machine. Throws `usage_error` for an address that others reach. */
export function refuseOthers(host: string): void {
  if (host !== '127.0.0.1' && host !== '::1')
    throw new StoaError(
      'usage_error',
      `With ${TEST_CLOCK} the server listens on 127.0.0.1 or ::1; "${host}" can be reached from elsewhere.`,
    );
}
