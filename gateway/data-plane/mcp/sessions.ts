/** Sessions of MCP clients: how many there may be, how long they live, and what is held of each. All in memory; a gateway that starts knows none. */
import { randomUUID } from 'node:crypto';
import type { Credential } from '../snapshot.js';
import type { EventStream } from './carrier.js';

export interface SessionLimits {
  /** How many sessions one key may have. */
  readonly perKey: number;
  /** How long one lives, whatever happens in it; milliseconds. */
  readonly ttlMs: number;
  /** How long one without a stream lives after its last request; milliseconds. */
  readonly idleMs: number;
}

export interface Session {
  readonly id: string;
  readonly keyId: string;
  readonly tenant: string;
  /** What its client and the gateway agreed on. */
  readonly version: string;
  /** `sse`: the older transport, whose stream is the session. */
  readonly transport: 'http' | 'sse';
  /** Who its key belongs to now; undefined when it opens nothing any more. */
  caller(): Credential | undefined;
  readonly createdAt: number;
  usedAt: number;
  stream: EventStream | undefined;
  /** Calls under way by the id of their request, and how each is given up. */
  readonly calls: Map<string | number, () => void>;
  /** What its client was last told of its tools. */
  offered: readonly unknown[];
}

export const NO_SESSIONS: SessionLimits = { perKey: 0, ttlMs: 0, idleMs: 0 };

/** What is held is bounded, whatever the number of keys. */
const MOST: SessionCaps = { all: 10_000, perTenant: 2500 };

export interface SessionCaps {
  readonly all: number;
  readonly perTenant: number;
}

type Start = Pick<Session, 'keyId' | 'tenant' | 'version' | 'transport' | 'caller'>;

export interface SessionTable {
  /**
   * A new session. Undefined when its key, its tenant or the gateway has no room for it: one that nobody uses makes room, one in use never does. When the
   * gateway is full, it is one of the tenant that has most.
   */
  open(start: Start): Session | undefined;
  /** A session of this key, used now; undefined when there is none, or it is over. */
  use(id: string, keyId: string): Session | undefined;
  /** Ends a session, its stream and its calls. */
  close(session: Session): void;
  /** Ends what is over; returns how many are left. */
  sweep(): number;
  streaming(): readonly Session[];
  stats(): { readonly active_sessions: number; readonly zombie_count: number; readonly tracked_sessions: number };
  /** Ends what nothing is under way in, and streams that no answer is to come over. */
  drain(): void;
}

/** An empty table. `now` is the wall clock in epoch milliseconds. */
export function createSessionTable(limits: SessionLimits, now: () => number, most = MOST): SessionTable {
  const sessions = new Map<string, Session>();
  const byKey = new Groups();
  const byTenant = new Groups();
  const isOver = (session: Session): boolean => isZombie(session, limits, now());
  const close = (session: Session): void => {
    sessions.delete(session.id);
    byKey.remove(session.keyId, session);
    byTenant.remove(session.tenant, session);
    for (const abort of session.calls.values()) abort();
    const { stream } = session;
    session.stream = undefined;
    stream?.end();
  };
  /** Whether there is room among these, if need be in place of the one that was not used for longest. */
  const makeRoom = (among: ReadonlySet<Session>, count: number): boolean => {
    if (among.size < count) return true;
    for (const session of [...among]) if (isOver(session)) close(session);
    return among.size < count || closeUnused(among, close);
  };
  const makeRoomForAll = (): boolean => sessions.size < most.all || closeUnused(byTenant.largest(), close);
  return {
    open(start) {
      const { keyId, tenant } = start;
      if (!makeRoom(byKey.of(keyId), limits.perKey) || !makeRoom(byTenant.of(tenant), most.perTenant) || !makeRoomForAll())
        return undefined;
      const at = now();
      const session: Session = { id: randomUUID(), ...start, createdAt: at, usedAt: at, stream: undefined, calls: new Map(), offered: [] };
      sessions.set(session.id, session);
      byKey.add(keyId, session);
      byTenant.add(tenant, session);
      return session;
    },
    use(id, keyId) {
      const session = sessions.get(id);
      if (session?.keyId !== keyId || isOver(session)) return undefined;
      session.usedAt = now();
      return session;
    },
    close,
    sweep() {
      for (const session of [...sessions.values()]) if (isOver(session)) close(session);
      return sessions.size;
    },
    streaming: () => [...sessions.values()].filter(({ stream }) => stream !== undefined),
    stats() {
      const zombies = [...sessions.values()].filter(isOver).length;
      return { active_sessions: sessions.size - zombies, zombie_count: zombies, tracked_sessions: sessions.size };
    },
    drain() {
      for (const session of [...sessions.values()]) {
        if (session.calls.size === 0) close(session);
        else if (session.transport === 'http') session.stream?.end();
      }
    },
  };
}

/** Sessions by whose they are. */
class Groups {
  readonly #groups = new Map<string, Set<Session>>();

  of(name: string): ReadonlySet<Session> {
    return this.#groups.get(name) ?? new Set();
  }

  add(name: string, session: Session): void {
    this.#groups.set(name, (this.#groups.get(name) ?? new Set()).add(session));
  }

  remove(name: string, session: Session): void {
    const group = this.#groups.get(name);
    group?.delete(session);
    if (group?.size === 0) this.#groups.delete(name);
  }

  largest(): ReadonlySet<Session> {
    return [...this.#groups.values()].reduce((most, each) => (each.size > most.size ? each : most), new Set<Session>());
  }
}

/** Ends the one that was not used for longest among those that nobody uses; false when there is none. */
function closeUnused(among: ReadonlySet<Session>, close: (session: Session) => void): boolean {
  let oldest: Session | undefined;
  for (const session of among) {
    const isUsed = session.stream !== undefined || session.calls.size > 0;
    if (!isUsed && session.usedAt < (oldest?.usedAt ?? Infinity)) oldest = session;
  }
  if (oldest !== undefined) close(oldest);
  return oldest !== undefined;
}

/** Past its time, or without what it needs: it answers nobody any more, and waits to be swept. */
function isZombie({ transport, stream, createdAt, usedAt, calls }: Session, { ttlMs, idleMs }: SessionLimits, nowMs: number): boolean {
  if (nowMs - createdAt >= ttlMs) return true;
  if (stream !== undefined || calls.size > 0) return false;
  return transport === 'sse' || nowMs - usedAt >= idleMs;
}
