/** A plan as text: what changes, grouped by tenant, deletes last; defaults and what stays are not listed. */
import type { ApplyResult, Change, FieldChange, Plan } from '../../schema/change.js';
import type { Json } from '../../schema/kind.js';
import { withoutDefaults } from '../operations/defaults.js';
import { shortened } from './layout.js';
import { printable, type Paint } from './paint.js';

export const SYMBOLS = { create: '+', update: '~', delete: '-' } as const satisfies Record<Change['action'], string>;

/** Beyond this many changes only updates and deletes show their fields. */
const DETAILED_CHANGES = 200;
/** Beyond this many changes the creates of one kind and tenant are listed up to here and counted. Deletes are always listed. */
const LISTED_CREATES = 20;
const VALUE_WIDTH = 100;
const LEAST_WIDTH = 20;
const FIELD_INDENT = 6;

export interface PlanTextOptions {
  /** The command to run next; shown at the end. */
  readonly next?: string | undefined;
}

/** The whole plan, ending with its summary line. */
export function planText(plan: Plan, paint: Paint, options: PlanTextOptions = {}): string {
  const { changes, summary } = plan;
  const lines = [...kept(changes, paint), ...deleted(changes, paint)];
  if (summary.unchanged > 0) lines.push(paint.dim(`# ${summary.unchanged} unchanged`));
  if (lines.length > 0) lines.push('');
  lines.push(summaryLine(plan, paint));
  for (const { code, message, hint, resource } of plan.refusals)
    lines.push(
      `${paint.red('Refused:')} ${resource === undefined ? '' : `${printable(resource)}: `}${printable(message)} ${paint.dim(`[${code}]`)}`,
      `  ${printable(hint)}`,
    );
  lines.push(...restingLines(plan, paint));
  if (options.next !== undefined && changes.length > 0 && plan.refusals.length === 0) lines.push(options.next);
  return `${lines.join('\n')}\n`;
}

/** What is declared and does not work: no change of a manifest, and nothing that an apply would mend. */
export const restingNotes = ({ diagnostics }: Plan): Plan['diagnostics'] => diagnostics.filter(({ code }) => code === 'not_active');

const restingLines = (plan: Plan, paint: Paint): string[] =>
  restingNotes(plan).map(({ message, hint = '' }) => `${paint.yellow('Note:')} ${printable(message)} ${printable(hint)}`);

/** `Plan: 2 to create, 1 to change, 0 to delete.` */
export function summaryLine({ changes, summary }: Plan, paint: Paint): string {
  if (changes.length === 0) return 'No changes: what is declared is what is live.';
  const deletes = `${summary.delete} to delete`;
  return `${paint.bold('Plan:')} ${summary.create} to create, ${summary.update} to change, ${summary.delete > 0 ? paint.red(deletes) : deletes}.`;
}

function kept(changes: readonly Change[], paint: Paint): string[] {
  const lines: string[] = [];
  const isDetailed = changes.length <= DETAILED_CHANGES;
  const groups = groupBy(
    changes.filter(({ action }) => action !== 'delete'),
    ({ tenant }) => tenant,
  );
  for (const [tenant, group] of groups) {
    lines.push(paint.bold(printable(tenant)));
    const listed = new Map<string, number>();
    for (const change of group) {
      const count = change.action === 'create' ? (listed.get(change.kind) ?? 0) + 1 : 0;
      if (count > 0) listed.set(change.kind, count);
      if (isDetailed || count <= LISTED_CREATES) lines.push(...block(change, paint, isDetailed || change.action !== 'create'));
    }
    for (const [kind, count] of listed)
      if (!isDetailed && count > LISTED_CREATES) lines.push(paint.green(`  + … and ${count - LISTED_CREATES} more of kind ${kind}`));
  }
  return lines;
}

function deleted(changes: readonly Change[], paint: Paint): string[] {
  const deletes = changes.filter(({ action }) => action === 'delete');
  const groups = groupBy(deletes, ({ tenant }) => tenant);
  return [...groups].flatMap(([tenant, group]) => [
    paint.bold(printable(tenant)),
    ...group.flatMap((change) => block(change, paint, false)),
  ]);
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

function block(change: Change, paint: Paint, isDetailed: boolean): string[] {
  const colour = { create: paint.green, update: paint.yellow, delete: paint.red }[change.action];
  const head = colour(`  ${SYMBOLS[change.action]} ${change.kind} ${printable(change.name)}`);
  return [
    head,
    ...remarks(change, paint).map((line) => `      ${line}`),
    ...(isDetailed ? fieldLines(change, paint).map((line) => `      ${line}`) : []),
  ];
}

/** What a person should know before they say yes. */
export function remarks({ adopted, taken_from, drift, breaking, dependents }: Change, paint: Paint): string[] {
  return [
    ...(breaking ?? []).map((reason) => paint.red(`breaking: ${printable(reason)}`)),
    ...(drift === undefined ? [] : [paint.yellow(`drift: changed by ${printable(drift.by)} at ${drift.at}`)]),
    ...(adopted === true ? ["adopted: it was made by hand and becomes the project's own"] : []),
    ...(taken_from === undefined ? [] : [paint.yellow(`taken over from project "${printable(taken_from)}"`)]),
    ...(dependents ?? []).map((dependent) => paint.red(`goes or breaks with it: ${printable(dependent)}`)),
  ];
}

function fieldLines(change: Change, paint: Paint): string[] {
  const { action } = change;
  const fields = withoutDefaults(change);
  const width = Math.max(0, ...fields.map(({ path }) => shortPath(path).length));
  const room = paint.columns - FIELD_INDENT - width - 2;
  return fields.map((field) => {
    const name = printable(shortPath(field.path)).padEnd(width);
    return action === 'create' ? `${name}  ${valueText(field.after, room)}` : `${name}  ${transition(field, paint, room)}`;
  });
}

/** Fields of `spec` without that word: most are. */
export const shortPath = (path: string): string => path.replace(/^spec\./, '');

function transition({ before, after }: FieldChange, paint: Paint, room: number): string {
  return `${before === undefined ? paint.dim('(none)') : valueText(before, room)} -> ${after === undefined ? paint.dim('(none)') : valueText(after, room)}`;
}

/** A value on one line: JSON, cut when it is long, or longer than the room on a terminal. */
export function valueText(value: Json | undefined, room = VALUE_WIDTH): string {
  if (value === undefined) return '(none)';
  const text = printable(JSON.stringify(value));
  return shortened(text, Math.min(VALUE_WIDTH, Math.max(LEAST_WIDTH, room)));
}

/** What an apply did. */
export function appliedText({ plan: { summary }, revision, applied }: ApplyResult, paint: Paint): string {
  if (!applied) return 'Nothing had to be changed.\n';
  return `${paint.green('Applied')} as revision ${revision}: ${summary.create} created, ${summary.update} changed, ${summary.delete} deleted.\n`;
}
