/** The tables as kysely sees them. Times are ISO 8601 text in UTC, JSON is text, booleans are 0 and 1: the same on both databases. */
import type { Generated } from 'kysely';

/** Everything declared, every kind. The unique key (kind, tenant, name) and `resource_claims` hold uniqueness. */
export interface ResourceTable {
  id: string;
  kind: string;
  tenant: string;
  name: string;
  spec: string;
  labels: string;
  annotations: string;
  secret_digests: string;
  version: number;
  revision: number;
  managed_by: string | null;
  /** JSON of a `Touch` when somebody other than the owner wrote it last; null otherwise. */
  drift: string | null;
  created_at: string;
  updated_at: string;
  updated_by: string;
}

/** One row per claim of a resource, such as a route; primary key (tenant, kind, claim). */
export interface ResourceClaimTable {
  tenant: string;
  kind: string;
  claim: string;
  resource_id: string;
}

/** Secret values of resources, encrypted with the key of the data directory; primary key (resource_id, field). */
export interface ResourceSecretTable {
  resource_id: string;
  field: string;
  ciphertext: string;
}

/** Every committed write of declared state. */
export interface RevisionTable {
  revision: Generated<number>;
  project: string | null;
  actor: string;
  source: string;
  created_at: string;
}

/** What a revision changed: whole resources before and after, as JSON; null where there was none. */
export interface RevisionChangeTable {
  revision: number;
  resource_id: string;
  kind: string;
  tenant: string;
  name: string;
  before: string | null;
  after: string | null;
}

/** The digest and revision of a project's last apply: the short cut of an apply that changes nothing. */
export interface ProjectTable {
  name: string;
  digest: string;
  revision: number;
}

/**
 * Lived state of a subscription; `id` is the id of its resource. Indexes: (tenant, consumer), (tenant, api), and newest first (created_at desc, id), alone and after
 * tenant, status and both.
 */
export interface SubscriptionStateTable {
  id: string;
  tenant: string;
  /** Names of its API and consumer, which never change: kept beside the state so that both can be looked up. */
  api: string;
  consumer: string | null;
  status: string;
  rate_limit: number | null;
  quota: number | null;
  rotation_count: number;
  last_rotated_at: string | null;
  approved_at: string | null;
  ended_at: string | null;
  reason: string | null;
  /** From its spec, kept here so that the due ones are found. Index: where it is not null. */
  expires_at: string | null;
  created_at: string;
}

/** Tenants whose traffic is stopped; `id` is that of the resource. A tenant without a row is active. */
export interface SuspendedTenantTable {
  id: string;
  reason: string | null;
  suspended_at: string;
}

/** No foreign keys: what is gone leaves its keys revoked. Unique: digest. Indexes: (subscription_id), (tenant, created_at), (status, not_after). */
export interface ApiKeyTable {
  id: string;
  tenant: string;
  subscription_id: string;
  name: string;
  prefix: string;
  digest: string;
  status: string;
  not_before: string;
  /** The owner's own expiry. */
  expires_at: string | null;
  /** End of the grace window, once rotated. */
  grace_until: string | null;
  /** The earliest of its expiry, the end of its grace window and its revocation; null without any. Valid while not_before <= now < not_after. */
  not_after: string | null;
  rotated_from: string | null;
  created_at: string;
  revoked_at: string | null;
  last_used_at: string | null;
}

/** Indexes: (created_at), and (tenant, X, created_at) for each X that is filtered by. */
export interface AuditTable {
  id: Generated<number>;
  tenant: string;
  action: string;
  event_type: string;
  resource: string;
  /** `keyOf` the declared resource that it is about; null for anything else. */
  resource_key: string | null;
  user: string;
  consumer: string | null;
  path: string | null;
  status: number | null;
  request_id: string | null;
  /** `rest`, `apply` or `gateway`. */
  source: string;
  /** Of an apply: its project and, where known, commit and CI run. */
  project: string | null;
  git_commit: string | null;
  ci_run: string | null;
  details: string;
  /** Unique where present: a gateway's event counts once. */
  event_id: string | null;
  created_at: string;
}

/** The log that gateways follow: what was touched, in commit order. Objects are read when they are sent. */
export interface ChangeLogTable {
  number: Generated<number>;
  /** `resource`, `subscription` or `credential`. */
  topic: string;
  /** `keyOf` of a resource, or an id. */
  key: string;
}

/** Answers of POSTs that carried an Idempotency-Key; the body is encrypted, since it may hold a key. */
export interface IdempotencyTable {
  actor: string;
  key: string;
  request_digest: string;
  status: number;
  ciphertext: string;
  created_at: string;
}

/** Single values: the store's id (`store_id`, made by the first migration), digests of client secrets. */
export interface SettingTable {
  name: string;
  value: string;
}

/** Requests of an hour or a day. Primary key (scope, grain, at). */
export interface UsageTable {
  /** Id of the tenant, API or subscription that is summed up. */
  scope: string;
  /** `hour` or `day`. */
  grain: string;
  /** `2026-11-26T10` or `2026-11-26`, UTC. */
  at: string;
  tenant_id: string;
  requests: number;
  errors: number;
  /** Of the requests those that a quota has counted. */
  counted: number;
  /** JSON of `LatencyPairs`. */
  latency: string;
}

/** The last report that was taken of each gateway. */
export interface UsageReportTable {
  gateway: string;
  number: number;
  taken_at: string;
}

/** One event on its way to one address. Indexes: (status, next_at), (tenant, created_at), (webhook_id, created_at). */
export interface WebhookDeliveryTable {
  id: string;
  /** The same for all addresses and all tries: receivers tell repeats by it. */
  event_id: string;
  tenant: string;
  /** Null for the callback of a subscription. */
  webhook_id: string | null;
  url: string;
  event: string;
  /** The exact bytes of the body. */
  payload: string;
  status: string;
  tries: number;
  next_at: string;
  last_status: number | null;
  last_error: string | null;
  created_at: string;
  finished_at: string | null;
}

/** A secret that can be read once, by whoever has the link. Index: (expires_at). */
export interface OneTimeLinkTable {
  /** SHA-256 of the id in the link. */
  digest: string;
  tenant: string;
  /** What whoever made it has encrypted; its key is in the link's fragment and was never here. Null once it was opened. */
  ciphertext: string | null;
  created_at: string;
  expires_at: string;
  opened_at: string | null;
}

/** Who may sign in at the portal: one secret a consumer, which is also the link that brings them back. Unique: digest. Index: (tenant, self_registered). */
export interface PortalAccountTable {
  /** Id of the consumer's resource. */
  consumer_id: string;
  tenant: string;
  /** SHA-256 of the secret. */
  digest: string;
  /** 1 where a stranger has made the consumer, 0 where its owner did. */
  self_registered: number;
  /** From which network they came; null for a network of one's own, for whom their owner has made, and for those from before it was kept. */
  network: string | null;
  created_at: string;
  expires_at: string;
}

/** The first key of a subscription, on its way to the browser that asked for it. */
export interface SealedKeyTable {
  subscription_id: string;
  /** JWK of that browser, which alone has the other half. */
  public_key: string;
  /** What is sealed, once the subscription is approved. */
  key_id: string | null;
  /** JWE to the public key: nothing here can open it. */
  ciphertext: string | null;
  expires_at: string | null;
}

export interface Database {
  resources: ResourceTable;
  resource_claims: ResourceClaimTable;
  resource_secrets: ResourceSecretTable;
  revisions: RevisionTable;
  revision_changes: RevisionChangeTable;
  projects: ProjectTable;
  subscription_states: SubscriptionStateTable;
  suspended_tenants: SuspendedTenantTable;
  api_keys: ApiKeyTable;
  audit_log: AuditTable;
  change_log: ChangeLogTable;
  idempotency_keys: IdempotencyTable;
  settings: SettingTable;
  usage: UsageTable;
  usage_reports: UsageReportTable;
  webhook_deliveries: WebhookDeliveryTable;
  one_time_links: OneTimeLinkTable;
  portal_accounts: PortalAccountTable;
  sealed_keys: SealedKeyTable;
}
