/** What is shown once: a key, or the link by which one signs in. */
import { copyButton } from './copy.js';
import { show } from './dialog.js';
import { h } from './dom.js';

/** Where is said what has been done, and what went wrong. */
export interface Said {
  readonly done: HTMLElement;
  readonly problem: HTMLElement;
}

export interface ShownOnce {
  readonly title: string;
  readonly words: string;
  /** What it is, for those who hear the page. */
  readonly label: string;
  readonly value: string;
  /** What else can be done with it. */
  readonly more?: (said: Said) => HTMLElement;
}

/** Shows a value with a button that copies it, until the person closes it. Nothing of it stays in the page. */
export async function showOnce({ title, words, label, value, more }: ShownOnce): Promise<void> {
  const field = h('input', { type: 'text', readOnly: true, value, className: 'key' });
  field.setAttribute('aria-label', label);
  const done = h('p', { className: 'done', role: 'status' });
  const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
  const buttons = h('div', { className: 'row' }, copyButton('Copy', value, done, problem), more?.({ done, problem }));
  await show(title, h('p', { textContent: words }), field, buttons, done, problem);
  field.value = '';
}
