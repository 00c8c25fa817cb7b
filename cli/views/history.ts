/** Revisions for a person. */
import type { History } from '../operations/history.js';
import type { RevisionRecord } from '../review-client.js';
import { printable, type Paint } from './paint.js';
import { SYMBOLS, shortPath, valueText } from './plan.js';
import { tableText, type Column } from './table.js';

const COLUMNS: readonly Column<RevisionRecord>[] = [
  { title: 'revision', value: ({ revision }) => String(revision) },
  { title: 'at', value: ({ created_at }) => created_at.slice(0, 19) },
  { title: 'project', narrow: 'out', value: ({ project }) => project ?? '' },
  { title: 'created', value: ({ created }) => String(created) },
  { title: 'changed', value: ({ updated }) => String(updated) },
  { title: 'deleted', value: ({ deleted }) => String(deleted) },
  { title: 'by', narrow: 'cut', value: ({ actor }) => actor },
  { title: 'commit', narrow: 'out', value: ({ commit }) => commit?.slice(0, 12) ?? '' },
  { title: 'ci run', narrow: 'out', value: ({ ci_run }) => ci_run ?? '' },
];

const COLOURS = { create: 'green', update: 'yellow', delete: 'red' } as const;

/** A table, and of a single revision what it changed, field by field. */
export function historyText({ revisions }: History, paint: Paint): string {
  if (revisions.length === 0) return 'There are no revisions.\n';
  const changes = revisions.flatMap(({ changes = [] }) => changes).map((change) => changeText(change, paint));
  return [tableText(revisions, COLUMNS, paint), ...(changes.length === 0 ? [] : ['\n']), ...changes].join('');
}

type Change = NonNullable<RevisionRecord['changes']>[number];

function changeText({ action, kind, tenant, name, fields }: Change, paint: Paint): string {
  const title = `${SYMBOLS[action]} ${kind} ${printable(tenant === name ? name : `${tenant}/${name}`)}`;
  // What was created or deleted is told by its name; its fields are in -o json.
  const lines =
    action === 'update'
      ? fields.map(({ path, before, after }) => `    ${printable(shortPath(path))}  ${valueText(before)} -> ${valueText(after)}\n`)
      : [];
  return `${paint[COLOURS[action]](title)}\n${lines.join('')}`;
}
