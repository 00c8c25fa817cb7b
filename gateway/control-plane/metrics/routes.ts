/** Metrics and usage over HTTP (rows MT1 to MT4, SB14), and the reports of gateways. */
import * as z from 'zod';
import { HIGHEST_BUCKET, LOWEST_BUCKET } from '../../../schema/latency.js';
import type { UsageReport } from '../../../schema/sync.js';
import { requireGateway } from '../gateways/access.js';
import { instant } from '../http/answers.js';
import { endpoint, tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { requireResource } from '../resources/rest.js';
import { requireSubscription } from '../subscriptions/require.js';
import { requireTenant } from '../tenants/access.js';
import { takeReport } from './report.js';
import { GRANULARITIES, metricsOf } from './series.js';
import { factorOf, usageOf } from './usage.js';

const tag = 'Metrics';
const id = z.string().min(1).max(200);
const date = z.iso.date('Expected a date such as 2025-01-31.').optional();
const query = z.strictObject({
  start_date: date.describe('First day, UTC; 30 days before the end when absent.'),
  end_date: date.describe('Last day, UTC, inclusive; today when absent.'),
  granularity: z.enum(GRANULARITIES).default('day').describe('Length of a bucket. Weeks begin on Monday.'),
});

const count = z.int().min(0);
const ms = z.int().min(0);
const metricsAnswer = z.strictObject({
  metrics: z
    .array(
      z.strictObject({
        date: z.string().describe('First day of the bucket; an instant for hours.'),
        requests: count.describe('Requests that reached the API.'),
        errors: count.describe(
          'Answers with a status of 500 and above, the gateway’s own included, and answers that the upstream broke off.',
        ),
        p50_latency_ms: ms.describe('Median latency, within 1 %.'),
        p95_latency_ms: ms.describe('95th percentile, within 1 %.'),
        p99_latency_ms: ms.describe('99th percentile, within 1 %.'),
      }),
    )
    .describe('One item a bucket, in order; zeros where nothing was asked.'),
});
const documentB = {
  metrics: [{ date: '2025-01-09', requests: 45231, errors: 23, p50_latency_ms: 87, p95_latency_ms: 234, p99_latency_ms: 456 }],
};

const tenantMetrics = tenantEndpoint({
  id: 'getTenantMetrics',
  method: 'GET',
  urls: ['/tenants/:tenant/metrics'],
  tag,
  summary: 'Get the metrics of a tenant',
  right: 'read',
  query,
  status: 200,
  answer: metricsAnswer,
  examples: { answer: documentB },
  handle: async (cp, call) => ({ metrics: await metricsOf(cp.db, call.tenant.id, call.query, cp.now()) }),
});

const apiMetrics = tenantEndpoint({
  id: 'getApiMetrics',
  method: 'GET',
  urls: ['/tenants/:tenant/apis/:api/metrics'],
  tag,
  summary: 'Get the metrics of an API',
  right: 'read',
  params: z.object({ api: id.describe('Id or name of the API.') }),
  query,
  status: 200,
  answer: metricsAnswer,
  examples: { answer: documentB },
  async handle(cp, call) {
    const api = await requireResource(cp.db, 'API', call.tenant.name, call.params.api);
    return { metrics: await metricsOf(cp.db, api.id, call.query, cp.now()) };
  },
});

const subscriptionParams = z.object({ subscription: id.describe('Id or name of the subscription.') });

const subscriptionMetrics = endpoint({
  id: 'getSubscriptionMetrics',
  method: 'GET',
  urls: ['/tenants/:tenant/subscriptions/:subscription/metrics', '/subscriptions/:subscription/metrics'],
  tag,
  summary: 'Get the metrics of a subscription',
  right: 'read',
  params: subscriptionParams,
  query,
  status: 200,
  answer: metricsAnswer,
  async handle(cp, call) {
    const subscription = await requireSubscription(cp.db, call.tenant?.name ?? call.actor.tenant, call.params.subscription);
    return { metrics: await metricsOf(cp.db, subscription.id, call.query, cp.now()) };
  },
});

const quotaAnswer = z
  .strictObject({
    limit: count.describe('How many requests are allowed.'),
    used: count.describe('How many were let through; what was refused uses nothing up.'),
    remaining: count.describe('How many are left.'),
    resets_at: instant('When the count begins anew.'),
  })
  .nullable();

const subscriptionUsage = endpoint({
  id: 'getSubscriptionUsage',
  method: 'GET',
  urls: ['/tenants/:tenant/subscriptions/:subscription/usage', '/subscriptions/:subscription/usage'],
  tag,
  summary: 'Get what a subscription has used this month',
  right: 'read',
  params: subscriptionParams,
  query: z.strictObject({}),
  status: 200,
  answer: z.strictObject({
    subscription_id: z.string().describe('Id of the subscription.'),
    period: z.string().describe('The calendar month, UTC, such as 2026-11.'),
    requests: count.describe('Requests of the month.'),
    errors: count.describe('Those of them that were answered with 500 and above.'),
    quota: quotaAnswer.describe('The quota of the month; null without one.'),
    daily_quota: quotaAnswer.describe('The quota of today; null without one.'),
    rate_limit: count.nullable().describe('Requests per hour, set at approval, with the factor of the tenant; null without one.'),
    plan_rate_limit: z
      .strictObject({
        limit: count.describe('How many requests are allowed in a window.'),
        window_secs: count.describe('Length of the window in seconds.'),
        burst: count.describe('How many more at once.'),
      })
      .nullable()
      .describe('The limit of the plan, which holds beside it, with the factor of the tenant; null without one.'),
    daily: z
      .array(
        z.strictObject({
          date: z.iso.date().describe('The day.'),
          requests: count.describe('Requests.'),
          errors: count.describe('Errors.'),
        }),
      )
      .describe('The days of the month up to today.'),
  }),
  async handle(cp, { tenant, actor, params }) {
    const subscription = await requireSubscription(cp.db, tenant?.name ?? actor.tenant, params.subscription);
    const home = tenant ?? (await requireTenant(cp.db, actor, subscription.tenant));
    return usageOf(cp.db, subscription, factorOf(home), cp.now());
  },
});

const entry = z.strictObject({
  tenant: id,
  api: id,
  subscription: id.optional(),
  hour: z.int().min(0).max(10_000_000),
  requests: count,
  errors: count,
  counted: z.int().optional(),
  latency: z.array(z.tuple([z.int().min(LOWEST_BUCKET).max(HIGHEST_BUCKET), z.int().positive()])).max(3000),
});
const reportBody = z.strictObject({
  gateway: id.describe('Which gateway reports.'),
  number: z.int().positive().describe('Number of the report; one that was taken before changes nothing.'),
  entries: z.array(entry).max(1000).describe('What was asked since the last report.'),
  keys: z
    .array(z.tuple([id, z.int().min(0).max(8_640_000_000_000_000)]))
    .max(200_000)
    .describe('Last use of API keys.'),
});

const report = endpoint({
  id: 'reportUsage',
  method: 'POST',
  urls: ['/gateways/reports'],
  tag: 'Gateways',
  summary: 'Report what a gateway measured',
  right: 'sync',
  body: reportBody,
  status: 202,
  answer: z.strictObject({ taken: z.boolean().describe('False when this report was taken before.') }),
  route: { bodyLimit: 16 * 1024 * 1024 },
  async handle(cp, { actor, body }) {
    requireGateway(actor);
    return { taken: await takeReport(cp, body satisfies UsageReport) };
  },
});

export const metricsEndpoints: readonly Endpoint[] = [tenantMetrics, apiMetrics, subscriptionMetrics, subscriptionUsage, report];
