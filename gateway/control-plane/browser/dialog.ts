/** Dialogs: the browser's own, which keeps the focus inside and closes on Escape, but not while a request is under way: its answer may be shown only once. */
import { h, showProblem } from './dom.js';

export interface DialogContent {
  readonly title: string;
  readonly body: readonly (Node | string)[];
  /** Label of the button that goes on. */
  readonly action: string;
  readonly isDangerous?: boolean;
  /** Runs when the person goes on; the dialog stays open, with the words of the error, when it throws. */
  run(): Promise<void>;
}

/** Shows a dialog; resolves to whether the person went on. Nothing of it stays in the page afterwards. */
export function ask({ title, body, action, isDangerous = false, run }: DialogContent): Promise<boolean> {
  const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
  const go = h('button', { type: 'submit', textContent: action, className: isDangerous ? 'danger' : 'primary' });
  const cancel = h('button', { type: 'button', textContent: 'Cancel' });
  const form = h(
    'form',
    { method: 'dialog' },
    h('h2', { textContent: title }),
    ...body,
    problem,
    h('div', { className: 'buttons' }, cancel, go),
  );
  return new Promise((resolve) => {
    let isUnderWay = false;
    const setUnderWay = (value: boolean): void => {
      isUnderWay = go.disabled = cancel.disabled = value;
    };
    const dialog = open(
      form,
      () => resolve(false),
      () => isUnderWay,
    );
    cancel.onclick = () => dialog.close();
    form.onsubmit = (event) => {
      event.preventDefault();
      if (isUnderWay) return;
      setUnderWay(true);
      run().then(
        () => {
          setUnderWay(false);
          resolve(true);
          dialog.close();
        },
        (error: unknown) => {
          showProblem(problem, error);
          setUnderWay(false);
        },
      );
    };
  });
}

/** Shows something until the person closes it. */
export function show(title: string, ...body: readonly (Node | string)[]): Promise<void> {
  const close = h('button', { type: 'button', textContent: 'Close', className: 'primary' });
  const content = h('div', {}, h('h2', { textContent: title }), ...body, h('div', { className: 'buttons' }, close));
  return new Promise((resolve) => {
    const dialog = open(content, resolve);
    close.onclick = () => dialog.close();
  });
}

/** `isHeld` says when it may not be closed. */
function open(content: HTMLElement, onClose: () => void, isHeld: () => boolean = () => false): HTMLDialogElement {
  const dialog = h('dialog', {}, content);
  dialog.setAttribute('aria-label', content.querySelector('h2')?.textContent ?? '');
  dialog.oncancel = (event) => {
    if (isHeld()) event.preventDefault();
  };
  dialog.onclose = () => {
    // Browsers close on a second Escape whatever was made of the first one (HTML, "close watcher").
    if (isHeld()) return void dialog.showModal();
    dialog.remove();
    onClose();
  };
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
