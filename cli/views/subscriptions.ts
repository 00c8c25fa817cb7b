/** Subscriptions for a person. */
import type { SubscriptionRecord } from '../lived-client.js';
import type { ShownSubscription, SubscriptionListing } from '../operations/subscriptions.js';
import { printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const COLUMNS: readonly Column<SubscriptionRecord>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'tenant', value: ({ tenant_id }) => tenant_id },
  { title: 'name', value: ({ id, name }) => (name === id ? '' : name) },
  { title: 'api', value: ({ api }) => api },
  { title: 'consumer', narrow: 'out', value: ({ consumer }) => consumer ?? '' },
  {
    title: 'person',
    narrow: 'out',
    value: ({ consumer, consumer_name }) => (consumer_name === consumer ? '' : (consumer_name ?? '')),
  },
  { title: 'email', narrow: 'out', value: ({ consumer_email }) => consumer_email ?? '' },
  { title: 'plan', narrow: 'out', value: ({ plan }) => plan ?? '' },
  { title: 'status', value: ({ status }) => status },
  { title: 'key', narrow: 'out', value: ({ api_key_prefix }) => (api_key_prefix === null ? '' : `${api_key_prefix}…`) },
  { title: 'rotations', narrow: 'out', value: ({ rotation_count }) => String(rotation_count) },
  { title: 'expires', narrow: 'out', value: ({ expires_at }) => expires_at?.slice(0, 10) ?? '' },
];

/** A table, or a word that there is nothing. */
export function subscriptionsText({ subscriptions }: SubscriptionListing, paint: Paint): string {
  return subscriptions.length === 0 ? 'There are no such subscriptions.\n' : tableText(subscriptions, COLUMNS, paint);
}

/** One id a line. */
export const subscriptionIds = ({ subscriptions }: SubscriptionListing): string => subscriptions.map(({ id }) => `${id}\n`).join('');

const nameOf = ({ tenant_id, name }: ShownSubscription): string => printable(`${tenant_id}/${name}`);

/** What a step has led to. */
export const stepText = (subscription: ShownSubscription): string =>
  `Subscription ${nameOf(subscription)} is ${subscription.status}${subscription.reason === null ? '' : `: ${printable(subscription.reason)}`}.\n`;

/** An approval, with the key that it has made: shown this once. */
export function approvalText(subscription: ShownSubscription, key: string | undefined, paint: Paint): string {
  const shown =
    key === undefined
      ? `Its key (${subscription.api_key_prefix ?? ''}…) is in ${printable(subscription.file ?? '')}.\n`
      : `Its key; it is shown only now:\n\n  ${paint.bold(key)}\n`;
  return stepText(subscription) + shown;
}

/** The same as an object. */
export function approvalJson(subscription: ShownSubscription, key: string | undefined): string {
  return `${JSON.stringify({ ...subscription, ...(key === undefined ? {} : { api_key: key }) }, null, 2)}\n`;
}
