/** Usage for a person. */
import type { QuotaRecord } from '../lived-client.js';
import type { ApiUse, SubscriptionUse, Usage } from '../operations/usage.js';
import type { Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const usedOf = (quota: QuotaRecord | null): string =>
  quota === null ? '' : `${quota.used} of ${quota.limit} (${Math.floor((100 * quota.used) / Math.max(1, quota.limit))}%)`;

const SUBSCRIPTIONS: readonly Column<SubscriptionUse>[] = [
  { title: 'tenant', value: ({ tenant }) => tenant },
  { title: 'subscription', value: ({ name }) => name },
  { title: 'api', value: ({ api }) => api },
  { title: 'consumer', narrow: 'out', value: ({ consumer }) => consumer ?? '' },
  { title: 'plan', narrow: 'out', value: ({ plan }) => plan ?? '' },
  { title: 'status', value: ({ status }) => (status === 'active' ? '' : status) },
  { title: 'requests', value: ({ requests }) => String(requests) },
  { title: 'errors', narrow: 'out', value: ({ errors }) => String(errors) },
  { title: 'of the month', value: ({ quota }) => usedOf(quota) },
  { title: 'of today', narrow: 'out', value: ({ daily_quota }) => usedOf(daily_quota) },
  { title: 'resets', narrow: 'out', value: ({ quota, daily_quota }) => (quota ?? daily_quota)?.resets_at.slice(0, 10) ?? '' },
];

const APIS: readonly Column<ApiUse>[] = [
  { title: 'tenant', value: ({ tenant }) => tenant },
  { title: 'api', value: ({ api }) => api },
  { title: 'requests', value: ({ requests }) => String(requests) },
  { title: 'errors', value: ({ errors }) => String(errors) },
  { title: 'subscriptions', value: ({ subscriptions }) => String(subscriptions) },
];

/** A table of the month. */
export function usageText({ period, subscriptions, apis }: Usage, paint: Paint): string {
  const rows = subscriptions ?? apis ?? [];
  if (rows.length === 0) return `Nothing to show of ${period}.\n`;
  return subscriptions === undefined ? tableText(apis ?? [], APIS, paint) : tableText(subscriptions, SUBSCRIPTIONS, paint);
}
