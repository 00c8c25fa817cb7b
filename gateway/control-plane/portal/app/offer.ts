/** The APIs that one can subscribe to (rows UI2, UI3). */
import { ask } from '../../browser/dialog.js';
import { h, labelled, select } from '../../browser/dom.js';
import type { Offer, OfferedApi, OfferedPlan, Subscription } from '../shapes.js';
import type { PortalApi } from './api.js';
import { makePair } from './key-pairs.js';
import { limitWords } from './limits.js';
import { isLive, statusWords } from './status.js';

/** So many are seen at one glance. */
const FEW = 6;

/** The section of APIs. `changed` runs when there is a new subscription. */
export function offerSection(
  api: PortalApi,
  { apis, plans }: Offer,
  own: readonly Subscription[],
  changed: () => Promise<void>,
): HTMLElement {
  const list = h('ul', { className: 'cards' });
  const find = h('input', { type: 'search', placeholder: 'name or description' });
  const draw = (): void => {
    const wanted = find.value.trim().toLowerCase();
    const found = apis.filter((each) => [each.name, each.title, each.description].some((text) => text?.toLowerCase().includes(wanted)));
    const cards = found.map((each) =>
      card(
        each,
        own.find((subscription) => subscription.api === each.name && isLive(subscription)),
      ),
    );
    list.replaceChildren(...cards);
  };
  const card = (each: OfferedApi, subscription: Subscription | undefined): HTMLLIElement => {
    const subscribe = h('button', { type: 'button', textContent: 'Subscribe', className: 'primary' });
    subscribe.setAttribute('aria-label', `Subscribe to ${each.title}`);
    subscribe.onclick = () => void askFor(api, each, plans).then((isDone) => (isDone ? changed() : undefined));
    return h(
      'li',
      {},
      h('h3', { textContent: each.title }, h('span', { className: 'status', textContent: each.version ?? '' })),
      h('p', { className: 'description', textContent: each.description ?? 'No description yet.' }),
      h('p', { className: 'quiet' }, h('code', { textContent: each.url })),
      h('div', { className: 'buttons' }, each.needs_key ? (subscription === undefined ? subscribe : mark(subscription)) : open()),
    );
  };
  find.oninput = draw;
  draw();
  const empty = apis.length === 0 ? [h('p', { className: 'quiet', textContent: 'Nothing is published yet. Look again later.' })] : [];
  const head = h('div', { className: 'row' }, h('h2', { textContent: 'APIs' }), apis.length > FEW ? labelled('Find', find) : '');
  return h('section', {}, head, ...empty, list);
}

const mark = (subscription: Subscription): HTMLElement =>
  h('span', { className: 'quiet', textContent: `You have a subscription: ${statusWords(subscription.status)}.` });
const open = (): HTMLElement => h('span', { className: 'quiet', textContent: 'No key is needed.' });

async function askFor(api: PortalApi, { name, title }: OfferedApi, plans: readonly OfferedPlan[]): Promise<boolean> {
  const application = h('input', { type: 'text', maxLength: 200, placeholder: 'for instance mobile-app' });
  const plan = select(plans.map((each) => [each.name, each.title]));
  plan.selectedIndex = plans.length === 0 ? -1 : 0;
  const what = h('p', { className: 'quiet', role: 'status' });
  const tell = (): void => {
    const chosen = plans.find((each) => each.name === plan.value);
    const words = [chosen?.description ?? '', chosen === undefined ? '' : limitWords(chosen)].filter((text) => text !== '');
    what.textContent = words.join(' ');
    what.hidden = words.length === 0;
  };
  plan.onchange = tell;
  tell();
  return ask({
    title: `Subscribe to ${title}`,
    body: [
      h('p', { textContent: 'Somebody looks at what you ask for. When it is approved, your key is here.' }),
      ...(plans.length === 0 ? [] : [labelled('Plan', plan), what]),
      labelled('What will call it (may stay empty)', application),
    ],
    action: 'Subscribe',
    run: async () => {
      const public_key = await makePair();
      const said = application.value.trim() === '' ? {} : { application: application.value.trim() };
      const chosen = plans.length === 0 ? {} : { plan: plan.value };
      await api.send('POST', 'subscriptions', { api: name, ...chosen, ...said, ...(public_key === undefined ? {} : { public_key }) });
    },
  });
}
