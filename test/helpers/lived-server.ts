/** A control plane with its server, as the tests of subscriptions and keys use it: every token fresh, whatever the clock does, and a gateway's view. */
import { apiKeyDigest } from '../../schema/api-key.js';
import type { SyncCredential, SyncMessage, SyncSubscription } from '../../schema/sync.js';
import { commit, type ControlPlane } from '../../gateway/control-plane/context.js';
import { createFeed } from '../../gateway/control-plane/gateways/feed.js';
import { putResource } from '../../gateway/control-plane/resources/put.js';
import type { StoredResource } from '../../schema/change.js';
import { ADMIN, START } from './lived-state.js';
import { openControlPlane, type Answer, type TestControlPlane } from './control-plane.js';

export interface TestServer {
  readonly cp: ControlPlane;
  readonly plane: TestControlPlane;
  /** Sends JSON as an admin, or with the token that is given. */
  call(method: string, path: string, body?: unknown, options?: { readonly token?: string }): Promise<Answer>;
  /** The same, for what must succeed: the body. */
  ok(method: string, path: string, body?: unknown): Promise<Answer['body']>;
  /** Sends no body, with these headers. */
  raw(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<Pick<Answer, 'status' | 'body'>>;
  /** Writes a resource as an apply would, without a request. */
  put(kind: string, tenant: string, name: string, spec: object): Promise<StoredResource>;
  /** A token with this scope: `tenant:acme role:viewer`. */
  token(scope: string): Promise<string>;
  /** What gateways hold of a subscription. */
  feedOf(id: string): Promise<SyncSubscription | undefined>;
  /** What gateways hold of its keys. */
  credentialsOf(subscription: string): Promise<readonly SyncCredential[]>;
  /** Those of these keys, in their order, that a gateway lets through now; by default those that were shown so far. */
  validKeys(subscription: string, keys?: readonly string[]): Promise<string[]>;
  advance(ms: number): void;
  close(): Promise<void>;
}

/** Opens one whose clock stands at `START`; `close` ends it. */
export async function openServer(
  options: { readonly hasPortal?: boolean; readonly trustedProxies?: readonly string[] } = {},
): Promise<TestServer> {
  const plane = await openControlPlane({ ...options, now: START });
  const shown = new Set<string>();
  const admin = freshToken(plane);
  const call: TestServer['call'] = async (method, path, body, { token } = {}) => {
    const answer = await plane.send(`${method} ${path}`, body, { token: token ?? (await admin()) });
    for (const [key] of answer.text.matchAll(/stoa_sk_[0-9a-z]{32}/g)) shown.add(key);
    return answer;
  };
  return {
    cp: plane.cp,
    plane,
    call,
    ok: async (method, path, body) => {
      const answer = await call(method, path, body);
      if (answer.status < 300) return answer.body as unknown;
      throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text}`);
    },
    raw: async (method, path, headers) => {
      const { status, body } = await plane.send(`${method} ${path}`, undefined, { token: await admin(), headers });
      return { status, body: body as unknown };
    },
    put: (kind, tenant, name, spec) => commit(plane.cp, (trx) => putResource(plane.cp, trx, ADMIN, { kind, tenant, name, spec })),
    token: (scope) => plane.tokenFor(scope),
    feedOf: async (id) => (await gatewayView(plane.cp)).subscriptions.find((subscription) => subscription.id === id),
    credentialsOf: async (id) => (await gatewayView(plane.cp)).credentials.filter(({ subscription }) => subscription === id),
    validKeys: async (id, keys = [...shown]) => {
      const valid = await validDigests(plane.cp, id);
      return keys.filter((key) => valid.has(apiKeyDigest(key)));
    },
    advance: (ms) => {
      plane.advance(ms);
    },
    close: () => plane.close(),
  };
}

/** An admin's token, made again whenever the clock has moved: tokens live for five minutes. */
function freshToken(plane: TestControlPlane): () => Promise<string> {
  let made = { at: START, token: plane.token };
  return async () => {
    if (made.at !== plane.cp.now()) made = { at: plane.cp.now(), token: await plane.tokenFor('') };
    return made.token;
  };
}

async function gatewayView(cp: ControlPlane) {
  const lines = [...((await createFeed(cp).read(undefined))?.pieces ?? [])].join('').split('\n').filter(Boolean);
  const put = lines.map((line) => JSON.parse(line) as SyncMessage).flatMap((message) => (message.type === 'objects' ? [message.put] : []));
  return { subscriptions: put.flatMap(({ subscriptions }) => subscriptions), credentials: put.flatMap(({ credentials }) => credentials) };
}

/** Digests of the keys of a subscription that a gateway lets through at this instant: its rule, not ours. */
async function validDigests(cp: ControlPlane, id: string): Promise<ReadonlySet<string>> {
  const { subscriptions, credentials } = await gatewayView(cp);
  const now = cp.now();
  const isActive = subscriptions.some(
    (subscription) => subscription.id === id && subscription.status === 'active' && now < (subscription.expires_at ?? Infinity),
  );
  const valid = credentials.filter(
    ({ subscription, status, not_before, not_after }) =>
      isActive &&
      subscription === id &&
      (status === 'active' || status === 'grace') &&
      not_before <= now &&
      (not_after === null || now < not_after),
  );
  return new Set(valid.map(({ digest }) => digest));
}
