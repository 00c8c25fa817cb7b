/** Log lines of both servers as data, whichever form they were written in. */

export interface LogLine {
  /** As it was written. */
  readonly text: string;
  /** Level, event and fields; undefined for a line that is not one of ours. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  /** Epoch milliseconds; undefined where the line does not say. */
  readonly at: number | undefined;
  /** The container or pod that wrote it, where a collector says so. */
  readonly container?: string | undefined;
}

/** What `docker compose logs`, and `kubectl logs --prefix`, put before each line. */
const CONTAINER = /^(?:([\w.-]+) +\| |\[pod\/([\w.-]+)\/[\w.-]+\] )/;
const TEXT = /^(DEBUG|INFO|WARN|ERROR|FATAL) ([A-Za-z_][\w ]*?)(?= [\w.]+=|$)/;
const PAIR = / ([\w.]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)/g;

/** Reads a line as `LOG_FORMAT=json` or `LOG_FORMAT=text` writes it. */
export function parseLine(line: string): LogLine {
  const [prefix = '', service, pod] = CONTAINER.exec(line) ?? [];
  const text = line.slice(prefix.length);
  const fields = text.startsWith('{') ? parseJson(text) : parseText(text);
  const ts = fields?.['ts'];
  const at = typeof ts === 'string' ? Date.parse(ts) : Number.NaN;
  return { text, fields, at: Number.isNaN(at) ? undefined : at, container: service ?? pod };
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function parseText(text: string): Record<string, unknown> | undefined {
  const head = TEXT.exec(text);
  if (head === null) return undefined;
  const [whole, level = '', event = ''] = head;
  const pairs = [...text.slice(whole.length).matchAll(PAIR)].map(([, name = '', value = '']) => pairOf(name, value));
  const { ts, ...rest } = Object.fromEntries(pairs) as Record<string, unknown>;
  return { ...(ts === undefined ? {} : { ts }), level: level.toLowerCase(), event, ...rest };
}

function pairOf(name: string, value: string): [string, unknown] {
  if (name === 'latency') return ['latency_ms', Number(value.replace(/ms$/, ''))];
  if (value.startsWith('"')) return [name, parseString(value)];
  if (name === 'status') return [name, Number(value)];
  return [name, value];
}

function parseString(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}
