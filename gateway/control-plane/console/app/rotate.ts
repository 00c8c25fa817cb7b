/** The new key of a subscription (document C, "Rotation via Console"): asked for, shown once, copied or handed on by a link. */
import { segment, type Api } from './api.js';
import { copyButton } from '../../browser/copy.js';
import { ask } from '../../browser/dialog.js';
import { h, labelled, showProblem, shownTime } from '../../browser/dom.js';
import { graceChoice } from '../../browser/grace.js';
import { showOnce, type Said } from '../../browser/shown-once.js';
import { encrypt } from './link-cipher.js';
import { titleOf, type Subscription } from './subscription.js';

interface Rotation {
  readonly new_api_key: string;
  readonly new_api_key_prefix: string;
  readonly old_key_expires_at: string | null;
}

/** Asks for the grace period, rotates, and shows the new key. Resolves to whether there is one. */
export async function rotate(api: Api, subscription: Subscription): Promise<boolean> {
  const hours = graceChoice();
  const force = h('input', { type: 'checkbox', name: 'force' });
  const isInGrace = subscription.previous_key_expires_at !== null;
  let rotation: Rotation | undefined;
  const isDone = await ask({
    title: `Rotate the key of ${titleOf(subscription)}`,
    body: [
      h('p', { textContent: `The present key, ${subscription.api_key_prefix ?? 'none'}, goes on working until the grace period is over.` }),
      labelled('Grace period', hours),
      ...(isInGrace ? [labelled('End the key of the last rotation now', force)] : []),
    ],
    action: 'Rotate key',
    run: async () => {
      const body = { grace_period_hours: Number(hours.value), force: force.checked };
      rotation = await api.send<Rotation>('POST', `/subscriptions/${segment(subscription.id)}/rotate-key`, body);
    },
  });
  if (rotation === undefined) return false;
  const end = rotation.old_key_expires_at;
  await showKey(
    api,
    subscription,
    rotation.new_api_key,
    end === null ? 'There was no key before it.' : `The old key works until ${shownTime(end)}.`,
  );
  return isDone;
}

/** Shows a key this once. */
export const showKey = (api: Api, subscription: Subscription, key: string, words: string): Promise<void> =>
  showOnce({
    title: 'The new key',
    words: `It is shown this once. ${words}`,
    label: 'New API key',
    value: key,
    more: (said) => linkButton(api, subscription, key, said),
  });

/** A button that makes way for the link that it has made. */
function linkButton(api: Api, subscription: Subscription, key: string, { done, problem }: Said): HTMLButtonElement {
  const button = h('button', { type: 'button', textContent: 'Make a one-time link' });
  button.onclick = () => {
    button.disabled = true;
    makeLink(api, subscription, key).then(
      ({ url, expires_at }) => {
        const shown = h('input', { type: 'text', readOnly: true, value: url });
        shown.setAttribute('aria-label', 'One-time link');
        button.replaceWith(shown, copyButton('Copy link', url, done, problem));
        done.textContent = `The link shows the key once, until ${shownTime(expires_at)}. Send it in place of the key.`;
      },
      (error: unknown) => {
        showProblem(problem, error);
        button.disabled = false;
      },
    );
  };
  return button;
}

interface OneTimeLink {
  readonly url: string;
  readonly expires_at: string;
}

/** What the server is given cannot be read without the fragment, which it never sees. */
async function makeLink(api: Api, { tenant_id }: Subscription, key: string): Promise<OneTimeLink> {
  const sealed = await encrypt(key);
  const made = await api.send<{ readonly path: string; readonly expires_at: string }>(
    'POST',
    `/tenants/${segment(tenant_id)}/one-time-links`,
    {
      ciphertext: sealed.ciphertext,
    },
  );
  return { url: `${location.origin}${made.path}#${sealed.key}`, expires_at: made.expires_at };
}
