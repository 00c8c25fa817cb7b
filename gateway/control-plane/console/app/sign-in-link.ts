/** The link by which a consumer signs in at the portal: made for whoever has lost theirs, shown once. */
import { segment, type Api } from './api.js';
import { ask } from '../../browser/dialog.js';
import { h, shownTime } from '../../browser/dom.js';
import { showOnce } from '../../browser/shown-once.js';
import type { Subscription } from './subscription.js';

/** Asks, makes the link, and shows it. */
export async function makeSignInLink(api: Api, { tenant_id, consumer_id, ...consumer }: Subscription): Promise<void> {
  const name = consumer.consumer_name ?? '';
  const address = consumer.consumer_email;
  let made: { readonly sign_in_url: string; readonly expires_at: string } | undefined;
  await ask({
    title: `A sign-in link for ${name}`,
    body: [h('p', { textContent: 'The link before it ends, and whoever is signed in as this consumer is signed out.' })],
    action: 'Make a link',
    run: async () => {
      made = await api.send('POST', `/tenants/${segment(tenant_id)}/consumers/${segment(consumer_id ?? '')}/sign-in-link`);
    },
  });
  if (made === undefined) return;
  const whom = address === null ? 'Send it to the consumer' : `Send it to ${address}, if that is the address that you know`;
  await showOnce({
    title: `The sign-in link of ${name}`,
    words: `It is shown this once, and good until ${shownTime(made.expires_at)}. Whoever has it is the consumer. ${whom}.`,
    label: 'Sign-in link',
    value: made.sign_in_url,
  });
}
