/** Grafana's JSON of a dashboard: as little of it as Grafana needs. */

/** Name of the data source that deploy/grafana/provisioning makes. */
const DATASOURCE = { type: 'prometheus', uid: 'stoa-prometheus' };
const COLUMNS = 24;
const SIZES = { stat: { w: 6, h: 4 }, timeseries: { w: 12, h: 8 }, bargauge: { w: 12, h: 8 } } as const;

export interface Panel {
  readonly title: string;
  readonly type: keyof typeof SIZES;
  readonly unit: string;
  /** Expressions by their legend. */
  readonly targets: Readonly<Record<string, string>>;
  /** From this value on it is red. */
  readonly red: number | undefined;
}

/** A panel. `unit` is a unit of Grafana, such as `reqps`. */
export const panel = (
  title: string,
  type: Panel['type'],
  unit: string,
  targets: Panel['targets'],
  { red }: { readonly red?: number } = {},
): Panel => ({ title, type, unit, targets, red });

/** A dashboard with its panels in rows, in their order. */
export function dashboard(uid: string, title: string, panels: readonly Panel[]): string {
  const json = {
    uid,
    title,
    tags: ['stoa'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [TENANTS] },
    panels: placed(panels).map(({ panel: each, x, y }, index) => panelJson(each, index + 1, { x, y, ...SIZES[each.type] })),
  };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

const TENANTS = {
  name: 'tenant',
  label: 'Tenant',
  type: 'query',
  datasource: DATASOURCE,
  query: 'label_values(stoa_gateway_requests_total, tenant)',
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
};

interface Place {
  readonly x: number;
  readonly y: number;
}

function placed(panels: readonly Panel[]): (Place & { readonly panel: Panel })[] {
  let [x, y, height] = [0, 0, 0];
  return panels.map((each) => {
    const { w, h } = SIZES[each.type];
    if (x + w > COLUMNS) [x, y, height] = [0, y + height, 0];
    const place = { panel: each, x, y };
    [x, height] = [x + w, Math.max(height, h)];
    return place;
  });
}

function panelJson({ title, type, unit, targets, red }: Panel, id: number, gridPos: object): object {
  const steps = [{ color: 'green', value: null }, ...(red === undefined ? [] : [{ color: 'red', value: red }])];
  return {
    id,
    title,
    type,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: type === 'timeseries' ? { tooltip: { mode: 'multi', sort: 'desc' } } : { reduceOptions: { calcs: ['lastNotNull'] } },
    targets: Object.entries(targets).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      expr,
      ...(legendFormat === '' ? {} : { legendFormat }),
      ...(type === 'bargauge' ? { instant: true } : {}),
    })),
  };
}
