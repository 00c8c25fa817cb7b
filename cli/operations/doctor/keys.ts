/** Why a consumer or a key gets 401. */
import type { SubscriptionRecord } from '../../lived-client.js';
import type { AuditEntry } from '../../review-client.js';
import type { KeyEntry } from '../keys.js';
import { pathOf, type TenantFacts } from './facts.js';
import { note, ok, problem, span, type Finding } from './finding.js';

/** Everything about the access of one consumer. */
export function consumerFindings(facts: TenantFacts, consumer: string, now: number): Finding[] {
  const known = facts.consumers.find(({ name }) => name === consumer);
  if (known === undefined)
    return [
      problem(
        'key',
        `There is no consumer "${consumer}" in tenant ${facts.name}.`,
        `stoactl get consumers --tenant ${facts.name} lists them; their email stands in stoactl get consumers -o yaml.`,
      ),
    ];
  const own = facts.subscriptions.filter((subscription) => subscription.consumer === consumer);
  if (own.length === 0)
    return [
      problem(
        'key',
        `Consumer ${consumer} has no subscription, so no key of it opens anything.`,
        'Declare a Subscription of it, and apply.',
      ),
    ];
  return [...own.flatMap((subscription) => subscriptionFindings(facts, subscription, now)), ...refusals(facts, consumer, now)];
}

/** Whether one key, known by its prefix, opens something. */
export function prefixFindings(facts: readonly TenantFacts[], prefix: string, now: number): Finding[] {
  const shown = prefix.slice(0, 12);
  const found = facts.flatMap((each) => each.keys.filter((key) => key.prefix === shown).map((key) => ({ each, key })));
  if (found.length === 0)
    return [
      problem(
        'key',
        `No key begins with ${shown}: it is misspelt, of another control plane, or its subscription was deleted.`,
        'Ask the client for the first 12 characters of what it sends in X-API-Key; stoactl keys list shows those that there are.',
      ),
    ];
  return found.flatMap(({ each, key }) => {
    const subscription = each.subscriptions.find(({ id }) => id === key.subscription_id);
    return [keyVerdict(each, key, now), ...(subscription === undefined ? [] : holderFindings(each, subscription, now))];
  });
}

function subscriptionFindings(facts: TenantFacts, subscription: SubscriptionRecord, now: number): Finding[] {
  const keys = facts.keys.filter((key) => key.subscription_id === subscription.id);
  const verdicts = keys.map((key) => keyVerdict(facts, key, now));
  const usable = verdicts.filter(({ state }) => state === 'ok');
  const label = `${facts.name}/${subscription.name}`;
  const none =
    usable.length > 0 || subscription.status !== 'active'
      ? []
      : [problem('key', `Subscription ${label} has no key that works.`, `stoactl rotate-key ${label} makes one and shows it once.`)];
  // A key that has ended is no problem beside one that works; whoever still sends it gets 401.
  const others = verdicts.filter(({ state }) => state !== 'ok').map(({ what, action }) => note('key', what, action));
  return [...holderFindings(facts, subscription, now), ...usable, ...none, ...others];
}

/** What holds for every key of a subscription: its status, its API, its tenant. */
function holderFindings(facts: TenantFacts, { name, status, reason, api, expires_at }: SubscriptionRecord, now: number): Finding[] {
  const label = `${facts.name}/${name}`;
  const found = facts.apis.find((each) => each.name === api);
  const because = reason === null ? '' : ` (${reason})`;
  return [
    ...(status === 'active'
      ? []
      : [
          problem(
            'key',
            `Subscription ${label} is ${status.replace('_', ' ')}${because}: its keys get 401.`,
            REMEDIES[status]?.(label) ?? renew(label),
          ),
        ]),
    ...(expires_at !== null && Date.parse(expires_at) <= now && status === 'active'
      ? [problem('key', `Subscription ${label} ended ${span(now - Date.parse(expires_at))} ago.`, renew(label))]
      : []),
    ...(found === undefined
      ? [problem('key', `Subscription ${label} is for API "${api}", which is not there.`, 'Apply the API again.')]
      : []),
    ...(found?.spec['activated'] === false
      ? [problem('key', `API ${facts.name}/${api} is not activated: it answers 503.`, 'Set activated: true, and apply.')]
      : []),
    ...(facts.tenant.status === 'active'
      ? []
      : [
          problem(
            'key',
            `Tenant ${facts.name} is ${facts.tenant.status}: none of its keys opens anything.`,
            `POST /v1/tenants/${facts.name}/resume brings it back.`,
          ),
        ]),
  ];
}

const renew = (label: string): string => `Give it a later expires_at, or subscribe anew: stoactl describe subscription ${label}`;
const REMEDIES: Readonly<Record<string, (label: string) => string>> = {
  pending_approval: (label) => `stoactl subscriptions approve ${label}`,
  suspended: (label) => `stoactl subscriptions resume ${label}`,
};

function keyVerdict(facts: TenantFacts, key: KeyEntry, now: number): Finding {
  const api = facts.apis.find(({ name }) => name === facts.subscriptions.find(({ id }) => id === key.subscription_id)?.api);
  const opens = api === undefined ? 'nothing' : `${facts.name}/${api.name} at ${pathOf(api)} and no other API`;
  const about = `Key ${key.prefix}… of ${facts.name}/${key.subscription}`;
  const ends = key.grace_until ?? key.expires_at;
  const left = ends === null ? Number.POSITIVE_INFINITY : Date.parse(ends) - now;
  const rotate = `Send the client a new key: stoactl rotate-key ${facts.name}/${key.subscription}`;
  if (key.status === 'revoked') return problem('key', `${about} was revoked: it gets 401.`, rotate);
  if (left <= 0 || !['active', 'grace'].includes(key.status))
    return problem(
      'key',
      key.grace_until === null
        ? `${about} expired ${span(left)} ago: it gets 401.`
        : `${about} was rotated, and its grace window closed ${span(left)} ago: it gets 401.`,
      key.grace_until === null
        ? rotate
        : `The client must use the new key. If it is lost: stoactl rotate-key ${facts.name}/${key.subscription}`,
    );
  const until = ends === null ? '' : key.grace_until === null ? `, expires in ${span(left)}` : `, rotated: works for another ${span(left)}`;
  return ok('key', `${about} is ${key.status}${until}; it opens ${opens}.`);
}

const MEANINGS: Readonly<Record<string, string>> = {
  api_not_allowed: 'it was used for another API than the one it is for',
  expired_api_key: 'the key has expired',
  revoked_api_key: 'the key was revoked',
  subscription_not_active: 'the subscription was not active',
};

/** What gateways have refused of a consumer in the last day, by reason. */
function refusals({ events }: TenantFacts, consumer: string, now: number): Finding[] {
  const byReason = grouped(events.auth_failed);
  return [...byReason].map(([reason, entries]) => {
    const [latest] = entries;
    const count = entries.reduce((sum, { details }) => sum + (typeof details['count'] === 'number' ? details['count'] : 1), 0);
    const when = latest === undefined ? '' : `, the last ${span(now - Date.parse(latest.created_at))} ago for ${latest.resource}`;
    return note('key', `${count} requests of ${consumer} were refused in 24 hours with ${reason}: ${MEANINGS[reason] ?? reason}${when}.`);
  });
}

const reasonOf = ({ details }: AuditEntry): string => (typeof details['reason'] === 'string' ? details['reason'] : 'unknown');

function grouped(entries: readonly AuditEntry[]): Map<string, AuditEntry[]> {
  const groups = new Map<string, AuditEntry[]>();
  for (const entry of entries) groups.set(reasonOf(entry), [...(groups.get(reasonOf(entry)) ?? []), entry]);
  return groups;
}
