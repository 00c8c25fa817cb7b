/** The dashboards of deploy/grafana over a real Prometheus that scrapes a real gateway under traffic of every kind: no panel is empty (OP7 OP8 OP9). */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardPage, type Dashboard as DrawnDashboard, type DashboardPanel } from '../../scripts/dashboard-page.js';
import { CHROMIUM, plotDashboards } from '../../scripts/plots.js';
import { eventually, isPrometheusInstalled, startPrometheus, type TestPrometheus } from '../helpers/prometheus.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const GRAFANA = path.join(ROOT, 'deploy/grafana');
const isInstalled = isPrometheusInstalled();
if (!isInstalled) console.warn('Prometheus is not installed: the panels are not tried.');

interface Dashboard extends DrawnDashboard {
  readonly uid: string;
  readonly panels: readonly (DashboardPanel & { readonly datasource: { readonly uid: string } })[];
}

const dashboards = readdirSync(path.join(GRAFANA, 'dashboards')).map(
  (name) => JSON.parse(readFileSync(path.join(GRAFANA, 'dashboards', name), 'utf8')) as Dashboard,
);
const provisioning = (file: string) => parse(readFileSync(path.join(GRAFANA, 'provisioning', file), 'utf8'));

describe('the dashboards', () => {
  it('are those of document A, each with a name of its own (OP7-OP9)', () => {
    expect(dashboards.map(({ title }) => title)).toEqual(['Consumer Usage', 'Gateway Overview', 'Rate Limiting']);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(3);
  });

  it('ask the data source that is provisioned, and no panel lies on another', () => {
    const [source] = provisioning('datasources/prometheus.yml').datasources;
    for (const { panels } of dashboards) {
      expect(panels.filter(({ datasource }) => datasource.uid !== source.uid)).toEqual([]);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
    }
    expect(provisioning('dashboards/stoa.yml').providers).toHaveLength(1);
  });

  it('are drawn with a dot where a series has only begun: a line of one point cannot be seen', () => {
    const begun = new Map(dashboards[0]?.panels.map(({ title }) => [title, [{ name: 'acme/app', points: [[90, 5] as const] }]]));

    const page = dashboards.slice(0, 1).map((each) => dashboardPage(each, begun, { from: 0, to: 100, stepSeconds: 10 }));

    const drawn = dashboards[0]?.panels.filter(({ type }) => type === 'timeseries') ?? [];
    expect(page.join('').match(/<circle /g)).toHaveLength(drawn.length);
  });
});

const manifests = (echo: string): string => `
apiVersion: gostoa.dev/v1beta1
kind: Tenant
metadata: { name: shop }
spec: { display_name: Shop, tier: business, admin_email: admin@shop.example }
---
apiVersion: gostoa.dev/v1beta1
kind: API
metadata: { name: orders, tenant: shop }
spec:
  path: /orders
  methods: [GET]
  upstreams: [{ url: '${echo}' }]
  health_check: { path: /, interval_secs: 1 }
---
apiVersion: gostoa.dev/v1beta1
kind: API
metadata: { name: dead, tenant: shop }
spec: { path: /dead, upstream_url: 'http://127.0.0.1:9' }
---
apiVersion: gostoa.dev/v1beta1
kind: Policy
metadata: { name: few, tenant: shop }
spec: { policy_type: rate_limit, config: { requests_per_minute: 12 }, targets: [{ kind: API, name: orders }] }
---
apiVersion: gostoa.dev/v1beta1
kind: Plan
metadata: { name: small, tenant: shop }
spec: { quota: { monthly: 20 } }
---
apiVersion: gostoa.dev/v1beta1
kind: Consumer
metadata: { name: app, tenant: shop }
spec: { email: app@shop.example }
---
apiVersion: gostoa.dev/v1beta1
kind: Subscription
metadata: { name: app-orders, tenant: shop }
spec: { api: orders, consumer: app, plan: small }
---
apiVersion: gostoa.dev/v1beta1
kind: Subscription
metadata: { name: app-dead, tenant: shop }
spec: { api: dead, consumer: app }
`;

describe.skipIf(!isInstalled)('every panel', () => {
  let stack: TestStack;
  let prometheus: TestPrometheus;
  let traffic: NodeJS.Timeout;
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-dashboards-'));

  beforeAll(async () => {
    stack = await startStack();
    prometheus = await startPrometheus({ gateway: stack.urls.gateway, controlPlane: stack.urls.api });
    writeFileSync(path.join(directory, 'shop.yaml'), manifests(stack.urls.echo));
    const applied = await stack.stoactl(['apply', '-f', path.join(directory, 'shop.yaml'), '--yes']);
    expect(applied.stderr + String(applied.exitCode)).toBe('0');
    const keyOf = async (name: string): Promise<string> => (await stack.stoactl(['rotate-key', name, '--quiet'])).stdout.trim();
    const [orders, dead] = [await keyOf('shop/app-orders'), await keyOf('shop/app-dead')];
    const send = (api: string, key: string): void =>
      void fetch(`${stack.urls.gateway}/apis/shop/${api}/x`, { headers: { 'x-api-key': key } }).catch(() => undefined);
    traffic = setInterval(() => {
      send('orders', orders);
      send('orders', 'stoa_sk_unknown');
      send('dead', dead);
    }, 200);
  }, 60_000);
  afterAll(async () => {
    clearInterval(traffic);
    prometheus.stop();
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const cases = dashboards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      panel.targets.map(({ expr, legendFormat = '' }) => ({ dashboard: title, panel: panel.title, legendFormat, expr })),
    ),
  );

  it.each(cases)('of $dashboard, "$panel" $legendFormat, has data (OP7-OP9)', { timeout: 60_000 }, async ({ expr, legendFormat }) => {
    const expression = expr.replaceAll('$__rate_interval', '8s').replaceAll('$__range', '1m').replaceAll('$tenant', '.*');
    expect(expression).not.toContain('$');

    await eventually(async () => (await prometheus.query(expression)).some(({ value }) => !Number.isNaN(value)), true);

    const [sample] = await prometheus.query(expression);
    const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? '');
    expect(labels.filter((label) => !(label in (sample?.metric ?? {})))).toEqual([]);
  });

  it.skipIf(CHROMIUM === undefined)(
    'is drawn: each dashboard is a picture without an empty panel (OP7-OP9)',
    { timeout: 120_000 },
    async () => {
      const plotted = await plotDashboards(prometheus.url, process.env['STOA_PICTURES'] ?? path.join(directory, 'pictures'), 60);

      expect(plotted.map(({ file, empty }) => [path.basename(file), empty])).toEqual([
        ['consumer-usage.png', []],
        ['gateway-overview.png', []],
        ['rate-limiting.png', []],
      ]);
      for (const { file } of plotted) expect(statSync(file).size).toBeGreaterThan(10_000);
    },
  );

  it('that counts requests counts whole ones', async () => {
    const counts = cases.filter(({ expr }) => expr.includes('increase('));

    expect(counts).toHaveLength(4);
    for (const { expr } of counts) {
      const answers = await prometheus.query(expr.replaceAll('$__range', '10s').replaceAll('$tenant', '.*'));
      expect(answers.filter(({ value }) => !Number.isInteger(value))).toEqual([]);
    }
  });

  it('that shows shares and rates shows the traffic that was sent', async () => {
    const valueOf = async (expression: string) => (await prometheus.query(expression))[0]?.value ?? 0;
    await eventually(
      async () => (await valueOf('sum(stoa_gateway_consumer_rate_limit_rejections_total{tenant="shop",consumer="app"})')) > 0,
      true,
    );

    expect(await valueOf('stoa_gateway_consumer_requests_total{tenant="shop",consumer="app",status_class="5xx"}')).toBeGreaterThan(0);
    expect(
      await valueOf('stoa_gateway_quota_used_ratio{tenant="shop",consumer="app",api="orders",period="monthly"}'),
    ).toBeGreaterThanOrEqual(0.5);
  });
});
