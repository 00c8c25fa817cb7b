/** The dashboards of deploy/grafana as one page of plain SVG: what their panels ask a Prometheus, and what it answers. Stands in for Grafana where there is none. */

export interface DashboardPanel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit: string;
      readonly thresholds: { readonly steps: readonly { color: string; value: number | null }[] };
    };
  };
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string; readonly instant?: boolean }[];
}

export interface Dashboard {
  readonly title: string;
  readonly panels: readonly DashboardPanel[];
}

export interface Series {
  readonly name: string;
  /** Seconds and values; NaN where there is none. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Range {
  /** Epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly stepSeconds: number;
}

/** `{{tenant}}/{{api}}` filled in; all labels where there is no legend. */
export const legendOf = (format: string | undefined, labels: Readonly<Record<string, string>>): string =>
  (format ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_all, label: string) => labels[label] ?? '');

/** What a panel asks, with Grafana's variables as they are for this range. */
export const expressionOf = (expr: string, { from, to, stepSeconds }: Range): string =>
  expr
    .replaceAll('$__rate_interval', `${Math.max(4 * stepSeconds, 8)}s`)
    .replaceAll('$__range', `${Math.round(to - from)}s`)
    .replaceAll('$tenant', '.*');

const round = (value: number): string => String(Number(value.toPrecision(3)));

const BYTES = ['B', 'KiB', 'MiB', 'GiB'];

/** A value as Grafana writes it for a unit. */
export function valueText(value: number, unit: string): string {
  if (Number.isNaN(value)) return '-';
  if (unit === 'reqps') return `${round(value)} req/s`;
  if (unit === 'percentunit') return `${round(value * 100)}%`;
  if (unit === 's' && value === 0) return '0 s';
  if (unit === 's') return value < 1e-3 ? `${round(value * 1e6)} µs` : value < 1 ? `${round(value * 1000)} ms` : `${round(value)} s`;
  if (unit !== 'bytes') return round(value);
  const power = value < 1 ? 0 : Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${round(value / 1024 ** power)} ${BYTES[power] ?? ''}`;
}

const COLORS = ['#3274d9', '#e0752d', '#299c46', '#a352cc', '#c4162a', '#8f8f00', '#00a3a3', '#7a4a00', '#ff6fb5', '#555'];
const CELL = { width: 50, height: 34 };
/** Pixels. */
export const PAGE_WIDTH = 24 * CELL.width;
const color = (index: number): string => COLORS[index % COLORS.length] ?? '#000';
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** The page of one dashboard; `series` by the title of the panel. */
export function dashboardPage(dashboard: Dashboard, series: ReadonlyMap<string, readonly Series[]>, range: Range): string {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const panels = dashboard.panels.map((panel) => panelHtml(panel, series.get(panel.title) ?? [], range)).join('');
  return `<!doctype html><meta charset="utf-8"><title>${escaped(dashboard.title)}</title><style>
body{margin:0;font:12px sans-serif;background:#f4f5f5;color:#222;width:${PAGE_WIDTH}px;height:${bottom * CELL.height + 50}px}
h1{font-size:18px;margin:12px}main{position:relative}section{position:absolute;background:#fff;border:1px solid #ddd;box-sizing:border-box;padding:6px}
h2{font-size:12px;margin:0 0 4px}.stat{font-size:32px;text-align:center;margin-top:18px}.legend{font-size:10px;line-height:13px;max-height:39px;overflow:hidden}
.empty{color:#c4162a;text-align:center;margin-top:30px}b{display:inline-block;width:8px;height:8px;margin:0 3px 0 8px}svg{display:block}</style>
<h1>${escaped(dashboard.title)}</h1><main>${panels}</main>`;
}

function panelHtml(panel: DashboardPanel, series: readonly Series[], range: Range): string {
  const { x, y, w, h } = panel.gridPos;
  const box = { width: w * CELL.width - 8, height: h * CELL.height - 8 };
  const place = `left:${x * CELL.width}px;top:${y * CELL.height}px;width:${box.width}px;height:${box.height}px`;
  const draw = { stat: statHtml, bargauge: barsHtml, timeseries: linesHtml }[panel.type] ?? linesHtml;
  const body = series.length === 0 ? '<p class="empty">No data</p>' : draw(panel, series, { ...range, ...box });
  return `<section style="${place}"><h2>${escaped(panel.title)}</h2>${body}</section>`;
}

type Frame = Range & { readonly width: number; readonly height: number };

const lastOf = ({ points }: Series): number => points.findLast(([, value]) => !Number.isNaN(value))?.[1] ?? NaN;

function statHtml({ fieldConfig: { defaults } }: DashboardPanel, series: readonly Series[]): string {
  const value = series[0] === undefined ? NaN : lastOf(series[0]);
  const reached = defaults.thresholds.steps.findLast((step) => step.value === null || value >= step.value)?.color ?? 'green';
  return `<div class="stat" style="color:${reached === 'red' ? '#c4162a' : '#299c46'}">${valueText(value, defaults.unit)}</div>`;
}

function barsHtml({ fieldConfig: { defaults } }: DashboardPanel, series: readonly Series[], { width, height }: Frame): string {
  const sorted = series.map((each) => ({ name: each.name, value: lastOf(each) })).sort((a, b) => b.value - a.value);
  const most = Math.max(...sorted.map(({ value }) => value), Number.MIN_VALUE);
  const row = Math.min(24, (height - 40) / sorted.length);
  const bars = sorted.map(({ name, value }, index) => {
    const top = index * row;
    const length = Math.max(1, (value / most) * (width - 330));
    return `<text x="0" y="${top + row * 0.65}">${escaped(name)}</text><rect x="210" y="${top + 3}" width="${length}" height="${row - 6}" fill="${color(index)}"/>
<text x="${214 + length}" y="${top + row * 0.65}">${valueText(value, defaults.unit)}</text>`;
  });
  return `<svg width="${width - 14}" height="${height - 30}" font-size="11">${bars.join('')}</svg>`;
}

function linesHtml({ fieldConfig: { defaults } }: DashboardPanel, series: readonly Series[], frame: Frame): string {
  const plot = { left: 70, top: 6, width: frame.width - 90, height: frame.height - 100 };
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, value]) => value).filter(Number.isFinite)), 0) || 1;
  const at = ([time, value]: readonly [number, number]): string => {
    const x = plot.left + ((time - frame.from) / (frame.to - frame.from)) * plot.width;
    return `${x.toFixed(1)},${(plot.top + plot.height * (1 - value / most)).toFixed(1)}`;
  };
  const grid = [0, 0.5, 1].map((part) => {
    const y = plot.top + plot.height * (1 - part);
    return `<path d="M${plot.left} ${y}h${plot.width}" stroke="#e4e4e4"/><text x="${plot.left - 6}" y="${y + 4}" text-anchor="end">${valueText(most * part, defaults.unit)}</text>`;
  });
  const clock = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);
  const times = [frame.from, frame.to].map(
    (time, index) =>
      `<text x="${plot.left + index * plot.width}" y="${plot.top + plot.height + 15}" text-anchor="${index === 0 ? 'start' : 'end'}">${clock(time)}</text>`,
  );
  const lines = series.map(({ points }, index) => {
    const places = points.filter(([, value]) => Number.isFinite(value)).map(at);
    // A series that has only begun is one point, and a line of one point cannot be seen.
    const [x, y] = (places.at(-1) ?? '').split(',');
    const end = x === '' ? '' : `<circle cx="${x}" cy="${y}" r="2.5" fill="${color(index)}"/>`;
    return `<polyline fill="none" stroke="${color(index)}" stroke-width="1.5" points="${places.join(' ')}"/>${end}`;
  });
  const legend = series
    .map((each, index) => `<b style="background:${color(index)}"></b>${escaped(each.name)}: ${valueText(lastOf(each), defaults.unit)}`)
    .join(' ');
  return `<svg width="${frame.width - 14}" height="${frame.height - 76}" font-size="10">${[...grid, ...times, ...lines].join('')}</svg><div class="legend">${legend}</div>`;
}
