/** Asks a Prometheus what the dashboards of deploy/grafana show, and draws it in Chromium. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import {
  PAGE_WIDTH,
  dashboardPage,
  expressionOf,
  legendOf,
  type Dashboard,
  type DashboardPanel,
  type Range,
  type Series,
} from './dashboard-page.js';

const DASHBOARDS = path.resolve(import.meta.dirname, '../deploy/grafana/dashboards');
const POINTS = 60;
/** Chromium, where it is installed. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));

export interface Plotted {
  readonly file: string;
  /** Titles of the panels that have no data. */
  readonly empty: readonly string[];
}

/** Draws each dashboard into a PNG of a directory, over the last seconds. Throws where Prometheus or Chromium cannot be had. */
export async function plotDashboards(prometheus: string, directory: string, seconds: number): Promise<Plotted[]> {
  mkdirSync(directory, { recursive: true });
  const to = Date.now() / 1000;
  const range = { from: to - seconds, to, stepSeconds: Math.max(1, Math.ceil(seconds / POINTS)) };
  if (CHROMIUM === undefined) throw new Error('Chromium is not installed: it draws the pictures.');
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const plotted: Plotted[] = [];
    for (const name of readdirSync(DASHBOARDS))
      plotted.push(await plot(browser, prometheus, path.join(directory, name.replace(/json$/, 'png')), range));
    return plotted;
  } finally {
    await browser.close();
  }
}

async function plot(browser: Browser, prometheus: string, file: string, range: Range): Promise<Plotted> {
  const text = readFileSync(path.join(DASHBOARDS, path.basename(file).replace(/png$/, 'json')), 'utf8');
  const dashboard = JSON.parse(text) as Dashboard;
  const series = new Map<string, readonly Series[]>();
  for (const panel of dashboard.panels) series.set(panel.title, await seriesOf(prometheus, panel, range));
  const page = await browser.newPage({ viewport: { width: PAGE_WIDTH, height: 600 } });
  await page.setContent(dashboardPage(dashboard, series, range));
  await page.screenshot({ path: file, fullPage: true });
  await page.close();
  return { file, empty: dashboard.panels.map(({ title }) => title).filter((title) => !hasData(series.get(title) ?? [])) };
}

const hasData = (series: readonly Series[]): boolean => series.some(({ points }) => points.some(([, value]) => !Number.isNaN(value)));

async function seriesOf(prometheus: string, panel: DashboardPanel, range: Range): Promise<Series[]> {
  const all = await Promise.all(
    panel.targets.map(async ({ expr, legendFormat }) => {
      const query = expressionOf(expr, range);
      const times = panel.type === 'bargauge' ? { start: range.to, end: range.to } : { start: range.from, end: range.to };
      const parameters = new URLSearchParams({
        query,
        start: String(times.start),
        end: String(times.end),
        step: String(range.stepSeconds),
      });
      const answer = await fetch(`${prometheus}/api/v1/query_range?${String(parameters)}`);
      const { data, error } = (await answer.json()) as Answer;
      if (data === undefined) throw new Error(`${panel.title}: ${query}: ${error ?? 'no answer'}`);
      return data.result.map(({ metric, values }) => ({
        name: legendOf(legendFormat, metric),
        points: values.map(([time, value]) => [time, Number(value)] as const),
      }));
    }),
  );
  return all.flat();
}

interface Answer {
  readonly data?: {
    readonly result: readonly { metric: Readonly<Record<string, string>>; values: readonly (readonly [number, string])[] }[];
  };
  readonly error?: string;
}
