/** What is shown once: a key, or the link by which one signs in. */
import { copyButton } from '../../browser/copy.js';
import { show } from '../../browser/dialog.js';
import { h } from '../../browser/dom.js';

export interface ShownOnce {
  readonly title: string;
  readonly words: string;
  /** What it is, for those who hear the page. */
  readonly label: string;
  readonly value: string;
}

/** Shows a value with a button that copies it, until the person closes it. Nothing of it stays in the page. */
export async function showOnce({ title, words, label, value }: ShownOnce): Promise<void> {
  const field = h('input', { type: 'text', readOnly: true, value, className: 'key' });
  field.setAttribute('aria-label', label);
  const done = h('p', { className: 'done', role: 'status' });
  const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
  await show(
    title,
    h('p', { textContent: words }),
    field,
    h('div', { className: 'row' }, copyButton('Copy', value, done, problem)),
    done,
    problem,
  );
  field.value = '';
}
