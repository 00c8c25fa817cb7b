/** The developer portal of a tenant: ask for access, look around, subscribe, get a key. */
import { ask } from '../../browser/dialog.js';
import { byId, h, labelled, showProblem, wordsOf } from '../../browser/dom.js';
import { ApiError } from '../../browser/refusal.js';
import { showOnce } from '../../browser/shown-once.js';
import type { Me, Offer, OtherSession, Person, SignIn, Subscription } from '../shapes.js';
import { PortalApi } from './api.js';
import { offerSection } from './offer.js';
import { ownSection } from './own.js';

const main = byId('main');
const header = byId('header');
const [, , tenant = ''] = location.pathname.split('/');
const api = new PortalApi(`/portal/${tenant}`);
/** The part behind `#` of a sign-in link; any other part is none of ours. */
const SECRET = /^#([A-Za-z0-9_-]{43})$/;
/** Looks anew; set while something waits for approval. */
let lookAgain: (() => Promise<void>) | undefined;

const showLink = (title: string, { secret }: SignIn): Promise<void> =>
  showOnce({
    title,
    words: 'It brings you back here from another browser. It is shown this once, and no e-mail is sent: keep it. Whoever has it is you.',
    label: 'Sign-in link',
    value: api.linkOf(secret),
  });

/** Shows another page: whoever hears it is told what it is. */
function turnTo(...page: readonly Node[]): void {
  main.replaceChildren(...page);
  main.querySelector('h1')?.focus();
}

const headline = (textContent: string): HTMLHeadingElement => h('h1', { textContent, tabIndex: -1 });

/** Where no tenant is named: which one is meant is in the address that people were given. */
function showEntrance(): void {
  const name = h('input', { type: 'text', required: true, pattern: '[a-z0-9\\-]+', autocomplete: 'off' });
  const form = h(
    'form',
    { className: 'card' },
    h('h1', { textContent: 'Which portal?' }),
    h('p', { textContent: 'Whoever sent you here knows its name.' }),
    labelled('Name', name),
    h('button', { type: 'submit', textContent: 'Go on', className: 'primary' }),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    location.assign(`/portal/${encodeURIComponent(name.value)}`);
  };
  main.replaceChildren(form);
  name.focus();
}

function showWelcome(reason?: unknown): void {
  const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
  const button = h('button', { type: 'button', textContent: 'Request Access', className: 'primary' });
  button.onclick = () => void requestAccess();
  turnTo(
    h(
      'div',
      { className: 'card' },
      headline('Welcome'),
      h('p', { textContent: 'Look at the APIs, subscribe to what you need, and get a key once it is approved.' }),
      problem,
      button,
      h('p', {
        className: 'quiet',
        textContent:
          'Have you been here before? Open your sign-in link. If you have lost it, whoever sent you here can make you a new one.',
      }),
    ),
  );
  showProblem(problem, reason);
}

async function requestAccess(): Promise<void> {
  const name = h('input', { type: 'text', name: 'name', autocomplete: 'name', required: true, maxLength: 200 });
  const email = h('input', { type: 'email', name: 'email', autocomplete: 'email', required: true, maxLength: 320 });
  let made: SignIn | undefined;
  await ask({
    title: 'Request Access',
    body: [labelled('Name', name), labelled('E-mail', email)],
    action: 'Request access',
    run: async () => {
      made = await api.send<SignIn>('POST', 'access', { name: name.value, email: email.value });
    },
  });
  if (made === undefined) return;
  // The link is shown this once, whatever becomes of the page behind it.
  await showPortal().catch(showFailure);
  await showLink('Your sign-in link', made);
}

async function showPortal(): Promise<void> {
  const me = await api.send<Me>('GET', 'me');
  document.title = `${me.tenant.title}: developer portal`;
  header.replaceChildren(h('span', {}, h('strong', { textContent: me.tenant.title }), ' developer portal'), personBar(me));
  await draw(me, true);
}

/** `isNew`: whether the page was another one before. */
async function draw(me: Me, isNew = false): Promise<void> {
  const [offer, { subscriptions }] = await Promise.all([
    api.send<Offer>('GET', 'apis'),
    api.send<{ readonly subscriptions: readonly Subscription[] }>('GET', 'subscriptions'),
  ]);
  const changed = (): Promise<void> => draw(me).catch(showFailure);
  lookAgain = subscriptions.some(({ status }) => status === 'pending_approval') ? changed : undefined;
  const about = me.tenant.description === null ? [] : [h('p', { className: 'quiet', textContent: me.tenant.description })];
  const own = await ownSection({ api, offer, changed }, subscriptions);
  const page = [headline(me.tenant.title), ...about, own, offerSection(api, offer, subscriptions, changed)];
  // What had the focus goes with the old page; who reads elsewhere is not moved.
  if (isNew || main.contains(document.activeElement)) turnTo(...page);
  else main.replaceChildren(...page);
}

function personBar({ consumer }: Me): HTMLElement {
  const link = h('button', { type: 'button', textContent: 'New sign-in link' });
  link.onclick = () => void renewLink();
  const out = h('button', { type: 'button', textContent: 'Sign out' });
  out.onclick = () => void api.send('DELETE', 'session').then(() => location.reload(), showFailure);
  return h('div', { className: 'row' }, h('span', { textContent: consumer.email ?? consumer.name, title: consumer.name }), link, out);
}

async function renewLink(): Promise<void> {
  let made: SignIn | undefined;
  await ask({
    title: 'A new sign-in link',
    body: [h('p', { textContent: 'The one before ends, and every other browser is signed out.' })],
    action: 'Make a new link',
    run: async () => {
      made = await api.send<SignIn>('POST', 'sign-in-link');
    },
  });
  if (made !== undefined) await showLink('Your new sign-in link', made);
}

const showFailure = (error: unknown): void =>
  main.replaceChildren(h('p', { className: 'problem', role: 'alert', textContent: wordsOf(error) }));

/** The secret of a link leaves the address, and so the history. Where somebody else is signed in, they are asked: the link may have come from anybody. */
async function signInByLink(): Promise<void> {
  const [, secret] = SECRET.exec(location.hash) ?? [];
  if (secret === undefined) return;
  history.replaceState(undefined, '', location.pathname);
  const other = await api.send<OtherSession | undefined>('POST', 'session', { secret });
  if (other === undefined) return;
  await ask({
    title: 'Somebody else is signed in',
    body: [
      h('p', { textContent: `You are signed in as ${called(other.present)}.` }),
      h('p', { textContent: `The link that you opened is that of ${called(other.next)}. Go on only if that is you.` }),
    ],
    action: `Continue as ${other.next.name}`,
    run: () => api.send('POST', 'session', { secret, replace: true }),
  });
}

const called = ({ name, email }: Person): string => (email === null ? name : `${name} (${email})`);

async function start(): Promise<void> {
  if (tenant === '') return void showEntrance();
  try {
    await signInByLink();
  } catch (error) {
    return void showWelcome(error);
  }
  try {
    await showPortal();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) showWelcome();
    else showFailure(error);
  }
}

// Whoever comes back to the page wants to know whether they were approved; a dialog that is open is not disturbed.
document.onvisibilitychange = () => {
  if (!document.hidden && document.querySelector('dialog') === null) void lookAgain?.();
};
// A link that is opened where the portal is open already loads no page.
window.onhashchange = () => (SECRET.test(location.hash) ? void start() : undefined);
void start();
