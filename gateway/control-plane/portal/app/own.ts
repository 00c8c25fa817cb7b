/** One's own subscriptions: where they stand, and the key, once (row UI4). */
import { ask } from '../../browser/dialog.js';
import { h, labelled, shownTime } from '../../browser/dom.js';
import { graceChoice } from '../../browser/grace.js';
import { showOnce } from '../../browser/shown-once.js';
import type { Offer, OfferedPlan, Subscription } from '../shapes.js';
import type { PortalApi } from './api.js';
import { canOpen, open } from './key-pairs.js';
import { limitWords } from './limits.js';
import { statusWords } from './status.js';

/** What a card needs beside its subscription. */
interface Place {
  readonly api: PortalApi;
  readonly offer: Offer;
  readonly changed: () => Promise<void>;
}

/** The section of one's own subscriptions. `changed` runs when one of them has changed. */
export async function ownSection(place: Place, own: readonly Subscription[]): Promise<HTMLElement> {
  const cards = await Promise.all(own.map((subscription) => card(place, subscription)));
  const empty = own.length === 0 ? [h('p', { className: 'quiet', textContent: 'None yet: subscribe to one of the APIs below.' })] : [];
  return h('section', {}, h('h2', { textContent: 'Your subscriptions' }), ...empty, h('ul', { className: 'cards wide' }, ...cards));
}

async function card(place: Place, subscription: Subscription): Promise<HTMLLIElement> {
  const { api, status, reason, application } = subscription;
  const offered = place.offer.apis.find(({ name }) => name === api);
  const title = offered?.title ?? api;
  const isActive = status === 'active';
  const isSealedHere = subscription.sealed_to !== null && (await canOpen(subscription.sealed_to));
  const element = h(
    'li',
    {},
    h('h3', { textContent: title }, h('span', { className: `status ${status}`, textContent: statusWords(status) })),
    ...lines(place, subscription, isSealedHere).map((textContent) => h('p', { className: 'quiet', textContent })),
    ...(reason === null ? [] : [h('p', { textContent: reason })]),
    ...(isActive && offered !== undefined
      ? [h('pre', {}, h('code', { textContent: `curl -H "X-API-Key: YOUR_KEY" ${offered.url}` }))]
      : []),
    ...(isActive ? [h('div', { className: 'buttons' }, ...keyButtons(place, subscription, title, isSealedHere))] : []),
  );
  element.setAttribute('aria-label', `${title}${application === null ? '' : ` for ${application}`}`);
  return element;
}

function lines({ offer }: Place, subscription: Subscription, isSealedHere: boolean): string[] {
  const { plan, application, api_key_prefix: prefix, created_at, expires_at, requests_this_month: used } = subscription;
  const offered = offer.plans.find(({ name }) => name === plan);
  const limits = limitsOf(subscription, offered);
  const old = subscription.previous_key_expires_at;
  return [
    [`Asked for on ${shownTime(created_at)}`, ...(application === null ? [] : [`for ${application}`])].join(' '),
    ...(plan === null ? [] : [`Plan: ${offered?.title ?? plan}`]),
    ...(limits === '' ? [] : [`Limits: ${limits}`]),
    ...(expires_at === null ? [] : [`Ends on ${shownTime(expires_at)}`]),
    ...(prefix === null ? [] : [`Key: ${prefix}…${old === null ? '' : `; the one before works until ${shownTime(old)}`}`]),
    ...(subscription.sealed_to === null || isSealedHere
      ? []
      : ['Your key can be seen in the browser in which you subscribed. Here you can make a new one.']),
    ...(subscription.status === 'active' ? [`Requests this month: ${used.toLocaleString()}`] : []),
  ];
}

/** The limits of the plan and those of the approval hold both; of two quotas the smaller one is met first. */
function limitsOf({ rate_limit, quota }: Subscription, plan: OfferedPlan | undefined): string {
  const quotas = [plan?.monthly_quota ?? null, quota].filter((each) => each !== null);
  const monthly_quota = quotas.length === 0 ? null : Math.min(...quotas);
  const hourly = rate_limit === null ? null : { limit: rate_limit, window_secs: 3600, burst: 0 };
  const none = { daily_quota: null, monthly_quota: null };
  const approved = limitWords({ rate_limit: hourly, ...none });
  const rest = limitWords({ rate_limit: plan?.rate_limit ?? null, daily_quota: plan?.daily_quota ?? null, monthly_quota });
  return [approved, rest].filter((words) => words !== '').join('; ');
}

function keyButtons(place: Place, subscription: Subscription, title: string, isSealedHere: boolean): HTMLButtonElement[] {
  const button = (textContent: string, className: string, run: () => Promise<boolean>): HTMLButtonElement => {
    const element = h('button', { type: 'button', textContent, className });
    element.setAttribute('aria-label', `${textContent}: ${title}`);
    element.onclick = () => void run().then((isDone) => (isDone ? place.changed() : undefined));
    return element;
  };
  return [
    ...(isSealedHere ? [button('Show key', 'primary', () => reveal(place, subscription, title))] : []),
    button('Make a new key', '', () => makeNew(place, subscription, title)),
  ];
}

const SEND = 'Send it as X-API-Key with your requests.';

async function reveal({ api }: Place, { id, sealed_to }: Subscription, title: string): Promise<boolean> {
  let key = '';
  const isDone = await ask({
    title: `The key of ${title}`,
    body: [h('p', { textContent: 'It is shown once. Have a safe place ready for it.' })],
    action: 'Show it',
    run: async () => {
      const { jwe } = await api.send<{ readonly jwe: string }>('POST', `subscriptions/${id}/sealed-key`);
      key = await open(jwe, sealed_to ?? '');
    },
  });
  if (isDone) await showOnce({ title: `The key of ${title}`, words: `It is shown this once. ${SEND}`, label: 'API key', value: key });
  return true;
}

async function makeNew(
  { api }: Place,
  { id, api_key_prefix: prefix, previous_key_expires_at: old }: Subscription,
  title: string,
): Promise<boolean> {
  const grace = graceChoice();
  const force = h('input', { type: 'checkbox', name: 'force' });
  let made: { readonly api_key: string; readonly old_key_expires_at: string | null } | undefined;
  await ask({
    title: `A new key for ${title}`,
    body: [
      ...(prefix === null
        ? []
        : [h('p', { textContent: `The present key, ${prefix}…, goes on working for a while.` }), labelled('How long', grace)]),
      ...(old === null ? [] : [labelled('End the key before it now', force)]),
    ],
    action: 'Make a new key',
    run: async () => {
      made = await api.send('POST', `subscriptions/${id}/new-key`, { grace_period_hours: Number(grace.value), force: force.checked });
    },
  });
  if (made === undefined) return false;
  const end = made.old_key_expires_at;
  const words = `It is shown this once. ${SEND}${end === null ? '' : ` The old one works until ${shownTime(end)}.`}`;
  await showOnce({ title: `The new key for ${title}`, words, label: 'API key', value: made.api_key });
  return true;
}
