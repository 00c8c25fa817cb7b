/** A plan for other programs: Markdown for a pull request, and a unified diff. */
import type { Change, Plan } from '../../schema/change.js';
import type { Impact } from '../../schema/impact.js';
import { keyOf } from '../../schema/resource.js';
import { withoutDefaults } from '../operations/defaults.js';
import { impactMarkdown } from './impact.js';
import { escapeCell, plain, printable } from './paint.js';
import { remarks, restingNotes, shortPath, SYMBOLS, valueText } from './plan.js';

/** GitHub's limit of a comment. */
const MARKDOWN_LIMIT = 65_536;
const CUT_RESERVE = 400;

/** A comment with a sticky marker, counts first, cut below GitHub's limit with the counts kept. */
export function planMarkdown(plan: Plan & { readonly impact?: Impact | undefined }): string {
  const { project, summary, changes, refusals } = plan;
  const head = [
    `<!-- stoactl diff: ${project.replaceAll('--', '-')} -->`,
    `### stoactl diff: ${escapeCell(project)}`,
    '',
    changes.length === 0
      ? 'No changes: what is declared is what is live.'
      : `**${summary.create} to create, ${summary.update} to change, ${summary.delete} to delete**, ${summary.unchanged} unchanged.`,
    ...restingNotes(plan).map(({ message, hint = '' }) => `\n> **Note:** ${escapeCell(message)} ${escapeCell(hint)}`),
    ...refusals.map(({ message, hint }) => `\n> **Refused:** ${escapeCell(message)} ${escapeCell(hint)}`),
    '',
    ...(plan.impact === undefined ? [] : [impactMarkdown(plan.impact)]),
  ].join('\n');
  if (changes.length === 0) return head;
  const limit = MARKDOWN_LIMIT - CUT_RESERVE;
  const table = ['| | resource | what |', '|---|---|---|', ...changes.map(tableRow)];
  const details = changes.filter(({ fields }) => fields.length > 0).map(detailBlock);
  return fill(`${head}\n`, [...table.map((row) => `${row}\n`), '\n', ...details], limit, changes.length);
}

/** As many parts as fit; then a line that says that there is more. */
function fill(head: string, parts: readonly string[], limit: number, total: number): string {
  let text = head;
  for (const part of parts) {
    if (Buffer.byteLength(text) + Buffer.byteLength(part) > limit)
      return `${text}\n_Cut: this comment would be too long. The counts above are of all ${total} changes; run \`stoactl diff\` for the rest._\n`;
    text += part;
  }
  return text;
}

function tableRow(change: Change): string {
  const notes = [...remarks(change, plain)];
  const fields = change.action === 'update' ? change.fields.map(({ path }) => `\`${shortPath(path)}\``).join(', ') : '';
  return `| \`${SYMBOLS[change.action]}\` | ${escapeCell(keyOf(change))} | ${[fields, ...notes.map(escapeCell)].filter((part) => part !== '').join('; ')} |`;
}

function detailBlock(change: Change): string {
  return `<details><summary>${SYMBOLS[change.action]} ${escapeCell(keyOf(change))}</summary>\n\n\`\`\`diff\n${hunk(change).join('\n').replaceAll('```', "'''")}\n\`\`\`\n\n</details>\n`;
}

/** What is live against what is declared, one hunk a resource. */
export function planUnified(plan: Plan): string {
  return plan.changes
    .map(
      (change) =>
        `--- ${change.action === 'create' ? '/dev/null' : `live/${pathOf(change)}`}\n+++ ${change.action === 'delete' ? '/dev/null' : `declared/${pathOf(change)}`}\n${hunk(change).join('\n')}\n`,
    )
    .join('');
}

const pathOf = ({ kind, tenant, name }: Change): string => `${tenant}/${kind}/${name}`;

function hunk(change: Change): string[] {
  const { action } = change;
  const fields = withoutDefaults(change);
  const removed = fields.filter(({ before }) => before !== undefined).length;
  const added = fields.filter(({ after }) => after !== undefined).length;
  const title = `@@ -${action === 'create' ? 0 : 1},${removed} +${action === 'delete' ? 0 : 1},${added} @@ ${keyOf(change)}`;
  return [
    title,
    ...fields.flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`-${printable(path)}: ${valueText(before)}`]),
      ...(after === undefined ? [] : [`+${printable(path)}: ${valueText(after)}`]),
    ]),
  ];
}
