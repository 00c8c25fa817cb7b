/** The page behind a one-time link: asks before it opens, since opening it is the end of it. */
import { byId, h, showProblem } from '../../browser/dom.js';
import { decrypt } from './link-cipher.js';

const main = byId('main');
const fragment = location.hash.slice(1);
// The fragment is the key to the secret: it leaves the address, and so the history.
history.replaceState(undefined, '', location.pathname);

const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
const open = h('button', { type: 'button', textContent: 'Show the key', className: 'primary' });

async function reveal(): Promise<void> {
  const response = await fetch(`${location.pathname}/open`, { method: 'POST' });
  const answer = (await response.json()) as { readonly ciphertext?: string; readonly error?: { readonly message: string } };
  if (answer.ciphertext === undefined) throw new Error(answer.error?.message ?? `The control plane answered ${response.status}.`);
  const field = h('input', { type: 'text', readOnly: true, className: 'key', value: await decrypt(answer.ciphertext, fragment) });
  field.setAttribute('aria-label', 'API key');
  open.replaceWith(field, h('p', { textContent: 'Keep it now: this link is used up. Send it as X-API-Key with your requests.' }));
  field.select();
}

open.onclick = () => {
  open.disabled = true;
  showProblem(problem);
  reveal().catch((error: unknown) => showProblem(problem, error));
};
main.append(
  h('p', { textContent: 'Somebody sent you an API key. It can be shown once.' }),
  fragment === '' ? h('p', { className: 'problem', textContent: 'The link is not whole: the part behind # is missing.' }) : open,
  problem,
);
