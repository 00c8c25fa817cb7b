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

/** Beyond this nobody gets one: what is held is bounded, whatever the number of keys. */
const MAX_SESSIONS = 10_000;

type Start = Pick<Session, 'keyId' | 'version' | 'transport' | 'caller'>;

export interface SessionTable {
  /** A new session. Undefined when the key, or the gateway, has no room for it: one that nobody uses makes room, one in use never does. */
  open(start: Start): Session | undefined;
  /** A session of this key, used now; undefined when there is none, or it is over. */
  use(id: string, keyId: string): Session | undefined;
  /** Ends a session, its stream and its calls. */
  close(session: Session): void;
  /** Ends what is over; returns how many are left. */
  sweep(): number;
  streaming(): readonly Session[];
  stats(): { readonly active_sessions: number; readonly zombie_count: number; readonly tracked_sessions: number };
  closeAll(): void;
}

/** An empty table. `now` is the wall clock in epoch milliseconds. */
export function createSessionTable(limits: SessionLimits, now: () => number, maxSessions = MAX_SESSIONS): SessionTable {
  const sessions = new Map<string, Session>();
  const byKey = new Map<string, Set<Session>>();
  const isOver = (session: Session): boolean => isZombie(session, limits, now());
  const close = (session: Session): void => {
    sessions.delete(session.id);
    const siblings = byKey.get(session.keyId);
    siblings?.delete(session);
    if (siblings?.size === 0) byKey.delete(session.keyId);
    for (const abort of session.calls.values()) abort();
    session.stream?.end();
    session.stream = undefined;
  };
  /** Whether there is room among these, if need be in place of the one that was not used for longest. */
  const makeRoom = (among: ReadonlySet<Session> | ReadonlyMap<string, Session>, most: number): boolean => {
    if (among.size < most) return true;
    for (const session of [...among.values()]) if (isOver(session)) close(session);
    if (among.size < most) return true;
    const unused = [...among.values()].filter(({ stream, calls }) => stream === undefined && calls.size === 0);
    const [oldest] = unused.sort((a, b) => a.usedAt - b.usedAt);
    if (oldest !== undefined) close(oldest);
    return oldest !== undefined;
  };
  return {
    open(start) {
      const siblings = byKey.get(start.keyId) ?? new Set();
      if (!makeRoom(siblings, limits.perKey) || (sessions.size >= maxSessions && !roomAmongDead(sessions, isOver, close))) return undefined;
      const at = now();
      const session: Session = { id: randomUUID(), ...start, createdAt: at, usedAt: at, stream: undefined, calls: new Map(), offered: [] };
      sessions.set(session.id, session);
      byKey.set(start.keyId, siblings.add(session));
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
    closeAll() {
      for (const session of [...sessions.values()]) close(session);
    },
  };
}

/** Other keys' sessions make room only when they are over: nobody pushes out anybody else. */
function roomAmongDead(
  sessions: ReadonlyMap<string, Session>,
  isOver: (session: Session) => boolean,
  close: (session: Session) => void,
): boolean {
  const before = sessions.size;
  for (const session of [...sessions.values()]) if (isOver(session)) close(session);
  return sessions.size < before;
}

/** Past its time, or without what it needs: it answers nobody any more, and waits to be swept. */
function isZombie({ transport, stream, createdAt, usedAt, calls }: Session, { ttlMs, idleMs }: SessionLimits, nowMs: number): boolean {
  if (nowMs - createdAt >= ttlMs) return true;
  if (stream !== undefined || calls.size > 0) return false;
  return transport === 'sse' || nowMs - usedAt >= idleMs;
}
