/** The weekly review for a person, and as Markdown for a ticket. */
import type { Finding, Review, TenantReview } from '../operations/review.js';
import { escapeCell, printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const span = ({ from, to, hours }: Review): string => `${from.slice(0, 16)}Z to ${to.slice(0, 16)}Z, ${hours} h`;

const COLUMNS: readonly Column<TenantReview>[] = [
  { title: 'tenant', value: ({ tenant }) => tenant },
  { title: 'requests', value: ({ requests }) => String(requests) },
  { title: 'errors', value: ({ errors, error_rate }) => `${errors} (${percent(error_rate)})` },
  { title: 'p95', value: ({ p95_ms }) => `${Math.round(p95_ms)} ms` },
  { title: 'consumers', narrow: 'out', value: ({ consumers }) => String(consumers) },
  { title: 'limit hits', value: ({ limit_hits, limit_hits_per_day }) => `${limit_hits} (${limit_hits_per_day} a day)` },
  { title: 'stale keys', value: ({ stale_keys }) => String(stale_keys) },
];

const topText = ({ top_limited }: TenantReview): string =>
  top_limited.length === 0
    ? ''
    : ` Most refused: ${top_limited.map(({ consumer, hits }) => `${printable(consumer)} (${hits})`).join(', ')}.`;

/** One screen. */
export function reviewText(review: Review, paint: Paint): string {
  const { tenants, parts, findings } = review;
  const health = parts.map(({ part, state }) => `${part} ${state}`).join(', ');
  const advice = tenants.map((tenant) => `  ${tenant.tenant}: ${tenant.limit_hits_advice}${topText(tenant)}\n`);
  return [
    `${paint.bold('Review')} ${span(review)}\nHealth: ${health}\n\n`,
    tenants.length === 0 ? 'There are no tenants.\n' : tableText(tenants, COLUMNS, paint),
    tenants.length === 0 ? '' : `\n${paint.bold('Rate limits')}\n${advice.join('')}`,
    `\n${paint.bold('To act on')}\n`,
    findings.length === 0
      ? '  Nothing.\n'
      : findings.map((finding) => `  ${paint.yellow('!')} ${findingText(finding)}\n    ${printable(finding.action)}\n`).join(''),
  ].join('');
}

const findingText = ({ tenant, what }: Finding): string => printable(tenant === undefined ? what : `${tenant}: ${what}`);

/** The same as Markdown. */
export function reviewMarkdown(review: Review): string {
  const { tenants, parts, findings } = review;
  const row = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |\n`;
  const titles = COLUMNS.map(({ title }) => title);
  return [
    `## STOA review, ${span(review)}\n\n`,
    ...parts.map(({ part, state, detail }) => `- ${part}: **${state}**, ${escapeCell(detail)}\n`),
    `\n${row(titles)}${row(titles.map(() => '---'))}`,
    ...tenants.map((tenant) => row(COLUMNS.map(({ value }) => value(tenant)))),
    '\n### Rate limits\n\n',
    ...tenants.map((tenant) => `- ${escapeCell(tenant.tenant)}: ${tenant.limit_hits_advice}${escapeCell(topText(tenant))}\n`),
    '\n### To act on\n\n',
    ...(findings.length === 0
      ? ['Nothing.\n']
      : findings.map((finding) => `- [ ] ${escapeCell(findingText(finding))} ${escapeCell(finding.action)}\n`)),
  ].join('');
}
