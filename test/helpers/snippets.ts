/** Commands and requests in documents: those of our own pages, and those of documents whose code has lost its fences. */
import { spawnSync } from 'node:child_process';

/** Shell text that is complete in itself, and the line it begins at, from 1. */
export interface ShellSnippet {
  readonly line: number;
  readonly text: string;
}

/** A request written as in HTTP: `POST /tenants`, its body, and the answer that the document prints for it. */
export interface RequestSnippet {
  readonly line: number;
  readonly method: string;
  /** Path and query, with `{names}` for ids. */
  readonly target: string;
  readonly body: unknown;
  readonly answer: unknown;
}

/** Lines with which a command of the documents begins. Prose does not begin like this. */
const COMMAND = /^(curl |docker (compose|system) |time |crontab |export [A-Z_]+=|[A-Z_]+=|get_token\(\)|\*\/5 |jq |#!\/bin\/bash$)/;

const isComplete = (text: string): boolean => !text.endsWith('\\') && spawnSync('bash', ['-n'], { input: text }).stderr.length === 0;

/** The shell commands of a text without fences. A script that begins with `#!` goes on to the first line that matches `scriptEnd`, inclusive. */
export function shellSnippets(text: string, scriptEnd = /^(fi|docker system df)$/): ShellSnippet[] {
  const lines = text.split('\n');
  const found: ShellSnippet[] = [];
  for (let start = 0; start < lines.length; start += 1) {
    const first = lines[start] ?? '';
    if (!COMMAND.test(first) || first.startsWith('*/5')) continue;
    let end = start;
    const joined = (): string => lines.slice(start, end + 1).join('\n');
    const isDone = first.startsWith('#!') ? () => scriptEnd.test(lines[end] ?? '') : () => isComplete(joined());
    while (end < lines.length - 1 && !isDone()) end += 1;
    found.push({ line: start + 1, text: joined() });
    start = end;
  }
  return found;
}

const REQUEST = /^(GET|POST|PATCH|PUT|DELETE) (\/\S+)$/;

/** The requests of a text without fences, with what stands below them. `isAnswer` tells the line above an answer. */
export function requestSnippets(text: string, isAnswer = /^(Response|Réponse ?):$/): RequestSnippet[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const [, method, path] = REQUEST.exec(line) ?? [];
    if (method === undefined || path === undefined) return [];
    let next = at + 1;
    let target = path;
    while (/^[?&]\w+=/.test(lines[next] ?? '')) target += lines[next++] ?? '';
    if (/^Content-Type: /.test(lines[next] ?? '')) next += 1;
    const body = jsonAt(lines, next);
    next = body.next;
    const answer = isAnswer.test((lines[next] ?? '').trim()) ? jsonAt(lines, next + 1) : undefined;
    return [{ line: at + 1, method, target, body: body.value, answer: answer?.value }];
  });
}

/** The JSON value that begins at a line; undefined when none does. */
export function jsonAt(lines: readonly string[], start: number): { readonly value: unknown; readonly next: number } {
  if (!/^[{[]/.test(lines[start] ?? '')) return { value: undefined, next: start };
  for (let end = start; end < lines.length; end += 1) {
    try {
      return { value: JSON.parse(lines.slice(start, end + 1).join('\n')) as unknown, next: end + 1 };
    } catch {
      // Not whole yet.
    }
  }
  return { value: undefined, next: start };
}

/** The curl calls of a shell text, each as what it asks for: `POST /v1/tenants/{}/apis`, and the jq filter that reads its answer. */
export function callsOf(shell: string): string[] {
  const joined = shell.replace(/\\\n\s*/g, ' ');
  return [...joined.matchAll(/\bcurl\b([^]*?)(?=\n(?!\s*["'}\]{])|$)/g)].flatMap(([, words = '']) => {
    const url =
      /["']?((?:\$\{?STOA_(?:API|AUTH|GATEWAY)_URL\}?|\$GATEWAY_URL|https?:\/\/[\w.:-]+)[^\s"']*(?:["']?\$\w+["']?[^\s"']*)*)/.exec(
        words,
      )?.[1];
    if (url === undefined) return [];
    const method = /-X ?([A-Z]+)/.exec(words)?.[1] ?? (/\s(-d|--data)\b/.test(words) ? 'POST' : 'GET');
    const filter = /\| *\\?\s*jq (?:-[rc]+ )*(?:'([^']*)'|(\S+?))(?=[\s)]|$)/.exec(words);
    return [requestKey(method, url) + filterKey(filter?.[1] ?? filter?.[2])];
  });
}

/** Filters that only print are none. */
const filterKey = (filter: string | undefined): string =>
  filter === undefined || filter === '.' ? '' : ` | ${filter.replace(/\s+/g, ' ')}`;

/** What a request asks for, whoever's ids it carries: the path below the host with `{}` for each variable, and the names of its query. */
export function requestKey(method: string, url: string): string {
  const [path = '', query = ''] = url.split('?');
  const bare = path
    .replace(/^(\$\{?STOA_\w+_URL\}?|\$GATEWAY_URL|https?:\/\/[^/]+)/, '')
    .replace(/^\/v1(?=\/)/, '')
    .replace(/\$\{\w+\}|\$\w+|\{\w+\}|:\w+(?=\/|$)/g, '{}');
  const names =
    query === ''
      ? ''
      : `?${query
          .split('&')
          .map((pair) => pair.split('=')[0] ?? '')
          .sort()
          .join('&')}`;
  return `${method} ${bare.startsWith('/apis/') ? '/apis/…' : bare}${names}`;
}
