/** Copying what is shown. */
import { h, showProblem } from './dom.js';

/** A button that copies a text, says so in `done`, and in `problem` why it cannot: browsers let pages copy on https and on their own machine alone. */
export function copyButton(label: string, text: string, done: HTMLElement, problem: HTMLElement): HTMLButtonElement {
  const button = h('button', { type: 'button', textContent: label });
  button.onclick = () => {
    copy(text).then(
      () => (done.textContent = 'Copied.'),
      () => showProblem(problem, 'The browser does not allow copying here: select the text and copy it.'),
    );
  };
  return button;
}

/** Browsers have no clipboard for pages without TLS. */
const copy = async (text: string): Promise<void> => navigator.clipboard.writeText(text);
