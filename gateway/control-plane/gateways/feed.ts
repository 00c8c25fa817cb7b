/** Messages of the sync stream as lines of text, made once and shared by every gateway that waits for the same ones. */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SyncMessage } from '../../../schema/sync.js';
import { ENDED_KEY_MEMORY_MS } from '../api-keys/validity.js';
import type { ControlPlane, Db, Trx } from '../context.js';
import * as store from './store.js';

/** Pieces of text whose concatenation is one or more whole lines, and the number that a gateway has reached after them. */
export interface FeedMessage {
  readonly number: number;
  readonly pieces: Iterable<string>;
}

export interface Feed {
  /** What a gateway at this number lacks; undefined when it lacks nothing. An unknown number gets a full copy. */
  read(since: number | undefined): Promise<FeedMessage | undefined>;
  /** The line that shows a gateway that the stream lives. */
  ping(): Promise<string>;
  /**
   * Name under which numbers hold: that of the database and of this run of the server. A database that was put back to an older state can pass the
   * number of a gateway with other changes, so no number outlives the run that gave it; after a restart a gateway takes a full copy.
   */
  store(): Promise<string>;
}

type Topic = 'resources' | 'subscriptions' | 'credentials';
type Copy = Record<Topic, Map<string, string>>;

/** Objects as texts by key, and what a change would put and remove. */
export interface Preview {
  readonly current: Copy;
  readonly put: Copy;
  readonly remove: Readonly<Record<Topic, readonly string[]>>;
}

const TOPICS: readonly Topic[] = ['resources', 'subscriptions', 'credentials'];
const OBJECTS_PER_PIECE = 500;
/** Above this many changes a full copy is less work. */
const MAX_CHANGES = 50_000;

/** The feed of one control plane. Gateways that ask for the same thing at the same time share one reading of the database. */
export function createFeed(cp: ControlPlane): Feed {
  const run = randomUUID();
  const runStore = async (): Promise<string> => `${await store.storeId(cp.db)}.${run}`;
  const pending = new Map<number | undefined, Promise<FeedMessage | undefined>>();
  const share = (since: number | undefined, work: () => Promise<FeedMessage | undefined>) => {
    const shared = pending.get(since) ?? work().finally(() => pending.delete(since));
    pending.set(since, shared);
    return shared;
  };
  return {
    read: async (since) => (since === undefined ? undefined : await share(since, () => readChanges(cp, since))) ?? fallback(since),
    ping: async () => line({ type: 'ping', number: (await store.logRange(cp.db)).newest, store: await runStore() }),
    store: runStore,
  };

  async function fallback(since: number | undefined): Promise<FeedMessage | undefined> {
    if (since !== undefined && (await isFollowable(cp.db, since))) return undefined;
    return share(undefined, async () => readCopy(cp, await runStore()));
  }
}

/** Whether every change after a number is still in the log. */
async function isFollowable(db: Db, since: number): Promise<boolean> {
  const { oldest, newest } = await store.logRange(db);
  return since <= newest && since >= oldest - 1 && newest - since <= MAX_CHANGES;
}

/** The changes after a number as one message, read in one transaction; undefined when there are none, or a full copy is due. */
function readChanges(cp: ControlPlane, since: number): Promise<FeedMessage | undefined> {
  return cp.db.transaction().execute(async (trx) => {
    if (!(await isFollowable(trx, since))) return undefined;
    const changes = await store.changesAfter(trx, since, MAX_CHANGES);
    const number = changes.at(-1)?.number;
    if (number === undefined) return undefined;
    const put = await readTouched(trx, changes, endedAfter(cp));
    return { number, pieces: [...changeText(number, changes, put)] };
  });
}

/** A preview is compared with traffic of days: keys that have ended are told for as long as a month has days. */
const PREVIEWED_KEY_MEMORY_MS = 31 * 86_400_000;

/**
 * What gateways hold of one tenant or of all, and what `work` would change of it: it is done and undone in one transaction. The texts are those that
 * gateways get; changes of other tenants, made at the same time, may be among them. Throws what `work` throws.
 */
export async function previewChange(cp: ControlPlane, tenant: string | undefined, work: (trx: Trx) => Promise<void>): Promise<Preview> {
  const ended = endedAfter(cp, PREVIEWED_KEY_MEMORY_MS);
  const { copy, start } = await scanAll(cp, ended, tenant);
  const preview = await undone(cp, async (trx) => {
    const number = await catchUp(trx, copy, start, ended);
    if (number === undefined) return undefined;
    await work(trx);
    const changes = await store.changesAfter(trx, number, Number.MAX_SAFE_INTEGER);
    const put = await readTouched(trx, changes, ended);
    return { current: copy, put, remove: goneKeys(changes, put) };
  });
  return preview ?? previewChange(cp, tenant, work);
}

/** Ends a transaction without its effects. */
class Undone extends Error {}

async function undone<Result>(cp: ControlPlane, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  const done: { result?: Result } = {};
  await cp.db
    .transaction()
    .execute(async (trx) => {
      done.result = await work(trx);
      throw new Undone();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
    });
  return done.result as Result;
}

const endedAfter = (cp: ControlPlane, memoryMs = ENDED_KEY_MEMORY_MS): string => new Date(cp.now() - memoryMs).toISOString();

/** Keys of what the changes touched, by topic, each once. Kinds that gateways do not hold are left out. */
function touched(changes: readonly store.LoggedChange[]): Record<Topic, string[]> {
  const of = (topic: store.ChangeTopic) => [...new Set(changes.filter((change) => change.topic === topic).map(({ key }) => key))];
  return { resources: of('resource').filter(store.isSyncedKey), subscriptions: of('subscription'), credentials: of('credential') };
}

async function readTouched(db: Db, changes: readonly store.LoggedChange[], ended: string): Promise<Copy> {
  const keys = touched(changes);
  return {
    resources: await readSlices(keys.resources, (slice) => store.resourcesByKey(db, slice)),
    subscriptions: await readSlices(keys.subscriptions, (slice) => store.subscriptionsById(db, slice)),
    credentials: await readSlices(keys.credentials, (slice) => store.credentialsById(db, slice, ended)),
  };
}

/** Slice by slice, with a turn for everybody else in between: a query of SQLite holds the whole process up. */
async function readSlices(
  keys: readonly string[],
  read: (slice: readonly string[]) => Promise<store.Sent[]>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const slice of slices(keys)) {
    for (const [key, json] of await read(slice)) found.set(key, json);
    await nextTurn();
  }
  return found;
}

function* changeText(number: number, changes: readonly store.LoggedChange[], put: Copy): Iterable<string> {
  yield `{"type":"change","number":${number},"put":{`;
  for (const [index, topic] of TOPICS.entries()) {
    yield `${index === 0 ? '' : ','}"${topic}":[`;
    for (const [place, piece] of slices([...put[topic].values()]).entries()) yield `${place === 0 ? '' : ','}${piece.join(',')}`;
    yield ']';
  }
  yield `},"remove":${JSON.stringify(goneKeys(changes, put))}}\n`;
}

function goneKeys(changes: readonly store.LoggedChange[], put: Copy): Record<Topic, string[]> {
  const keys = touched(changes);
  const gone = (topic: Topic): string[] => keys[topic].filter((key) => !put[topic].has(key));
  return { resources: gone('resources'), subscriptions: gone('subscriptions'), credentials: gone('credentials') };
}

/**
 * Everything that gateways hold, at one number. The tables are scanned page by page without holding a transaction, so that nobody waits; what
 * changed meanwhile is in the log and is read again in one last short transaction, which makes the copy whole.
 */
async function readCopy(cp: ControlPlane, storeName: string): Promise<FeedMessage> {
  const ended = endedAfter(cp);
  const { copy, start } = await scanAll(cp, ended);
  const number = await cp.db.transaction().execute((trx) => catchUp(trx, copy, start, ended));
  if (number === undefined) return readCopy(cp, storeName);
  return { number, pieces: copyText(number, storeName, copy) };
}

/** What the tables hold, of one tenant or of all, and the number of the log before the first page was read. */
async function scanAll({ db }: ControlPlane, ended: string, tenant?: string): Promise<{ copy: Copy; start: number }> {
  const { newest: start } = await store.logRange(db);
  const copy: Copy = {
    resources: await scan((after) => store.resourcePage(db, after, tenant)),
    subscriptions: await scan((after) => store.subscriptionPage(db, after, tenant)),
    credentials: await scan((after) => store.credentialPage(db, after, ended, tenant)),
  };
  return { copy, start };
}

async function scan(page: (after: string) => Promise<store.Page>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let after: string | undefined = ''; after !== undefined;) {
    const { sent, last } = await page(after);
    for (const [key, json] of sent) found.set(key, json);
    after = last;
    await nextTurn();
  }
  return found;
}

/** Brings a copy up to the newest number, which it returns; undefined when the log has forgotten what is needed. */
async function catchUp(trx: Db, copy: Copy, start: number, ended: string): Promise<number | undefined> {
  const changes = await store.changesAfter(trx, start, MAX_CHANGES);
  const { oldest } = await store.logRange(trx);
  if (changes.length === MAX_CHANGES || oldest > start + 1) return undefined;
  const keys = touched(changes);
  const fresh = await readTouched(trx, changes, ended);
  for (const topic of TOPICS) {
    for (const key of keys[topic]) copy[topic].delete(key);
    for (const [key, json] of fresh[topic]) copy[topic].set(key, json);
  }
  return changes.at(-1)?.number ?? start;
}

/** An iterable that can be walked by many gateways, each at its own pace. */
function copyText(number: number, storeName: string, copy: Copy): Iterable<string> {
  const pieces = TOPICS.flatMap((topic) => slices([...copy[topic].values()]).map((piece) => ({ topic, piece })));
  return {
    *[Symbol.iterator]() {
      yield line({ type: 'begin', number });
      for (const { topic, piece } of pieces) yield objectsLine(topic, piece);
      yield line({ type: 'end', number, store: storeName });
    },
  };
}

function objectsLine(topic: Topic, objects: readonly string[]): string {
  const lists = TOPICS.map((name) => `"${name}":[${name === topic ? objects.join(',') : ''}]`);
  return `{"type":"objects","put":{${lists.join(',')}}}\n`;
}

const line = (message: SyncMessage): string => `${JSON.stringify(message)}\n`;

function slices(values: readonly string[]): string[][] {
  const result: string[][] = [];
  for (let start = 0; start < values.length; start += OBJECTS_PER_PIECE) result.push(values.slice(start, start + OBJECTS_PER_PIECE));
  return result;
}
