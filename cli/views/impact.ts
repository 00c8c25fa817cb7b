/** What a change would have done to recorded requests, for a person and for a pull request. */
import type { Impact, ImpactGroup } from '../../schema/impact.js';
import { escapeCell, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';
import { counted } from './validation.js';

const SHOWN_GROUPS = 20;

const COLUMNS: readonly Column<ImpactGroup>[] = [
  { title: 'requests', value: ({ requests }) => String(requests) },
  { title: 'api', value: ({ tenant, api }) => (api === undefined ? '(no route)' : `${tenant ?? ''}/${api}`) },
  { title: 'consumer', value: ({ consumer }) => consumer ?? '(no known key)' },
  { title: 'why', narrow: 'cut', value: whyOf },
  { title: 'first', narrow: 'out', value: ({ first }) => timeOf(first) },
  { title: 'last', narrow: 'out', value: ({ last }) => timeOf(last) },
  { title: 'such as', narrow: 'cut', value: ({ paths: [path] }) => (path === undefined ? '' : `${path.method} ${path.path}`) },
];

function whyOf({ status, reason, limit }: ImpactGroup): string {
  const what = limit === undefined ? reason : `${reason} (${limit.requests} in ${limit.window_secs} s)`;
  return status === undefined ? what : `${status} ${what}`;
}

const timeOf = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')}Z`;

interface Section {
  readonly title: string;
  readonly groups: readonly ImpactGroup[];
}

/** Those that there are, the gravest first. */
function sectionsOf({ summary, refused, allowed, moved, undecided }: Impact): Section[] {
  const of = summary.consumers === 0 ? '' : ` of ${counted(summary.consumers, 'consumer')}`;
  return [
    { title: `${counted(summary.refused, 'request')}${of} would have been refused`, groups: refused },
    { title: `${counted(summary.moved, 'request')} would have reached another API`, groups: moved },
    { title: `${counted(summary.allowed, 'request')} would have been let in`, groups: allowed },
    { title: `${counted(summary.undecided, 'request')} cannot be judged: what decides is not known`, groups: undecided },
  ].filter(({ groups }) => groups.length > 0);
}

function closing({ summary, notes }: Impact): string[] {
  const otherwise = summary.requests - summary.as_recorded;
  return [
    ...(otherwise === 0
      ? []
      : [`${counted(otherwise, 'request')} would be decided otherwise today, without the change, than then: something was different.`]),
    ...notes,
  ];
}

const headOf = ({ since, summary }: Impact): string => `${counted(summary.requests, 'recorded request')} since ${timeOf(since)}`;

/** The whole answer; below a plan. */
export function impactText(impact: Impact, paint: Paint): string {
  const sections = sectionsOf(impact);
  const head = `${paint.bold('Impact')} on ${headOf(impact)}`;
  const none = impact.summary.requests === 0 ? 'nothing to judge' : 'none';
  return [
    sections.length === 0 ? `${head}: ${none}.\n` : `${head}:\n`,
    ...sections.flatMap(({ title, groups }) => [
      '\n',
      `${paint.yellow(title)}\n`,
      tableText(groups.slice(0, SHOWN_GROUPS), COLUMNS, paint),
      more(groups),
    ]),
    sections.length === 0 ? '' : '\n',
    ...closing(impact).map((line) => paint.dim(`# ${line}\n`)),
  ].join('');
}

const more = ({ length }: readonly ImpactGroup[]): string =>
  length > SHOWN_GROUPS ? `… and ${length - SHOWN_GROUPS} more groups: -o json has them all.\n` : '';

/** The same as lists of Markdown; a few thousand characters at most. */
export function impactMarkdown(impact: Impact): string {
  const sections = sectionsOf(impact);
  const escape = (text: string): string => escapeCell(text).replaceAll(/[`*_]/g, '\\$&');
  const row = (group: ImpactGroup): string => `| ${COLUMNS.map(({ value }) => escape(value(group)).slice(0, 200)).join(' | ')} |`;
  const head = [`| ${COLUMNS.map(({ title }) => title).join(' | ')} |`, `|${COLUMNS.map(() => '---|').join('')}`];
  return [
    `**Impact** on ${headOf(impact)}: ${sections.length === 0 ? 'none.' : sections.map(({ title }) => title).join('; ')}.`,
    ...sections.flatMap(({ title, groups }) => ['', `${title}:`, '', ...head, ...groups.slice(0, SHOWN_GROUPS).map(row), more(groups)]),
    ...closing(impact).map((line) => `\n_${escape(line)}_`),
    '',
  ].join('\n');
}
