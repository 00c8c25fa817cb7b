/** Empties the outbox: posts what is due, tries again later what fails, and gives up after the fifth try (behaviour.md, "Webhooks"). */
import { lookup } from 'node:dns';
import { Agent, buildConnector, request, type Dispatcher } from 'undici';
import { addressProblem, checkedLookup } from '../../../schema/address.js';
import type { ControlPlane } from '../context.js';
import { signatureHeaders } from './signature.js';
import { claimDelivery, dueDeliveries, forgetFinished, sealedSecret, updateDelivery, webhooksOf, type DeliveryRow } from './store.js';

const MINUTE_MS = 60_000;
/** After the first try, the second, and so on; at most a fifth is added, so that many do not come back at once. */
const DELAYS_MS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE_MS);
const JITTER = 0.2;
const INTERVAL_MS = 500;
const TIMEOUT_MS = 10_000;
/** A try that a crash cut off is taken up again after this. */
const LEASE_MS = 30_000;
const MAX_RUNNING = 32;
/** One receiver that hangs leaves room for the others. */
const MAX_PER_URL = 4;
const MAX_ERROR = 300;
const KEPT_MS = 30 * 24 * 60 * MINUTE_MS;
const FORGET_EVERY_MS = 60 * MINUTE_MS;

export interface Outcome {
  readonly status: number | null;
  /** Undefined after a success. */
  readonly error: string | undefined;
}

export interface Worker {
  /** Resolves when everything that is due now was tried once. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

interface Running {
  readonly url: string;
  readonly done: Promise<void>;
}

/** What is being sent, by delivery. */
const underWay = new WeakMap<ControlPlane, Map<string, Running>>();

/** Delivers until `stop`, which waits for what is under way. */
export function startWebhookWorker(cp: ControlPlane): Worker {
  const agent = createAgent(cp.allowPrivateWebhooks);
  const running = underWay.get(cp) ?? new Map<string, Running>();
  underWay.set(cp, running);
  let forgottenAt = 0;
  let isStopping = false;

  const start = (row: DeliveryRow): void => {
    const done = deliver(cp, agent, row)
      .catch((error: unknown) => cp.log.error({ event: 'webhook_failed', err: error }))
      .finally(() => running.delete(row.id));
    running.set(row.id, { url: row.url, done });
  };
  const fill = async (): Promise<number> => {
    const due = await dueDeliveries(cp.db, new Date(cp.now()).toISOString(), 200);
    let started = 0;
    for (const row of due) {
      const atUrl = [...running.values()].filter(({ url }) => url === row.url).length;
      if (isStopping || running.size >= MAX_RUNNING || running.has(row.id) || atUrl >= MAX_PER_URL) continue;
      start(row);
      started += 1;
    }
    return started;
  };
  let filling: Promise<unknown> | undefined;
  const tick = (): void => {
    filling ??= fill()
      .then(async () => {
        if (Math.abs(cp.now() - forgottenAt) < FORGET_EVERY_MS) return;
        forgottenAt = cp.now();
        await forgetFinished(cp.db, new Date(cp.now() - KEPT_MS).toISOString());
      })
      .catch((error: unknown) => cp.log.error({ event: 'webhook_failed', err: error }))
      .finally(() => (filling = undefined));
  };
  const timer = setInterval(tick, INTERVAL_MS).unref();
  const settle = (): Promise<unknown> => Promise.all([...running.values()].map(({ done }) => done));
  return {
    async drain() {
      await filling;
      while ((await fill()) > 0 || running.size > 0) await settle();
    },
    async stop() {
      isStopping = true;
      clearInterval(timer);
      await filling;
      await settle();
      await agent.close();
    },
  };
}

async function deliver(cp: ControlPlane, agent: Dispatcher, row: DeliveryRow): Promise<void> {
  if (!(await claimDelivery(cp.db, row, new Date(cp.now() + LEASE_MS).toISOString()))) return;
  const { status, error } = await post(cp, agent, row, await secretOf(cp, row));
  const tries = row.tries + 1;
  const at = new Date(cp.now()).toISOString();
  const tried = { last_status: status, last_error: error ?? null };
  if (error === undefined) return updateDelivery(cp.db, row.id, { ...tried, status: 'delivered', finished_at: at });
  const delay = DELAYS_MS[tries - 1];
  if (delay === undefined) return updateDelivery(cp.db, row.id, { ...tried, status: 'dead', finished_at: at });
  const next_at = new Date(cp.now() + delay * (1 + Math.random() * JITTER)).toISOString();
  return updateDelivery(cp.db, row.id, { ...tried, next_at });
}

/** The webhook's own secret as it is now; for a callback that of the tenant's oldest webhook that has one. */
async function secretOf({ db, vault }: ControlPlane, { webhook_id, tenant }: DeliveryRow): Promise<string | undefined> {
  const candidates = webhook_id === null ? (await webhooksOf(db, tenant)).map(({ id }) => id) : [webhook_id];
  for (const id of candidates) {
    const sealed = await sealedSecret(db, id);
    if (sealed !== undefined) return vault.open(sealed);
  }
  return undefined;
}

/** One try. Anything but 2xx is a failure; redirects are not followed, and of the answer nothing is kept but its status. */
async function post(cp: ControlPlane, agent: Dispatcher, row: DeliveryRow, secret: string | undefined): Promise<Outcome> {
  try {
    const answer = await request(row.url, {
      method: 'POST',
      dispatcher: agent,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'STOA-Webhooks/1',
        ...signatureHeaders(secret, row.event_id, row.payload, cp.now()),
      },
      body: row.payload,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { statusCode } = answer;
    answer.body.on('error', () => undefined).destroy();
    const isSuccess = statusCode >= 200 && statusCode < 300;
    return { status: statusCode, error: isSuccess ? undefined : `The receiver answered ${statusCode}.` };
  } catch (error) {
    return { status: null, error: describe(error).slice(0, MAX_ERROR) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'The receiver could not be reached.';
  if (error.name === 'TimeoutError' || error.name.endsWith('TimeoutError'))
    return `The receiver did not answer within ${TIMEOUT_MS / 1000} s.`;
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `${error.message} (${code})`;
}

/** Connects only to addresses that were checked, each time a connection is made: a name that leads elsewhere by then is of no use to anybody. */
function createAgent(allowPrivate: boolean): Agent {
  const connect = buildConnector({ timeout: TIMEOUT_MS, lookup: checkedLookup(lookup, allowPrivate) });
  return new Agent({
    pipelining: 0,
    maxResponseSize: 64 * 1024,
    connect: (options, callback) => {
      const problem = addressProblem(options.hostname, allowPrivate);
      if (problem === undefined) connect(options, callback);
      else callback(problem, null);
    },
  });
}
