/** The console: sign in, choose a tenant, look at subscriptions and policies. */
import { Api } from './api.js';
import { byId, h, labelled, select, showProblem } from '../../browser/dom.js';
import { PoliciesPage } from './policies.js';
import { signInAsClient, signInWithToken, type Session } from './session.js';
import { SubscriptionsPage } from './subscriptions.js';

interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly portal_url: string | null;
}

const main = byId('main');

function showSignIn(): void {
  const id = h('input', { type: 'text', name: 'client', autocomplete: 'username' });
  const secret = h('input', { type: 'password', name: 'secret', autocomplete: 'current-password' });
  const token = h('input', { type: 'password', name: 'token', autocomplete: 'off' });
  const problem = h('p', { className: 'problem', hidden: true, role: 'alert' });
  const button = h('button', { type: 'submit', textContent: 'Sign in', className: 'primary' });
  const form = h(
    'form',
    { className: 'card' },
    h('h1', { textContent: 'Sign in' }),
    labelled('Client id', id),
    labelled('Client secret', secret),
    h('details', {}, h('summary', { textContent: 'With a token of another issuer' }), labelled('Access token', token)),
    problem,
    button,
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    button.disabled = true;
    const isToken = token.value.trim() !== '';
    const signIn = isToken ? Promise.resolve(signInWithToken(token.value.trim())) : signInAsClient({ id: id.value, secret: secret.value });
    signIn.then(showConsole).catch((error: unknown) => {
      showProblem(problem, error);
      button.disabled = false;
    });
  };
  main.replaceChildren(form);
  id.focus();
}

async function showConsole(session: Session): Promise<void> {
  const api = new Api(session);
  const { tenants } = await api.send<{ readonly tenants: readonly Tenant[] }>('GET', '/tenants?limit=100');
  const tenant = select(tenants.map(({ name }) => [name, name]));
  tenant.selectedIndex = tenants.length === 0 ? -1 : 0;
  const content = h('div');
  const tabs = (['Subscriptions', 'Policies'] as const).map((textContent) => h('button', { type: 'button', textContent }));
  let current = 'Subscriptions';
  const draw = (): void => {
    for (const tab of tabs) tab.setAttribute('aria-current', tab.textContent === current ? 'page' : 'false');
    const page =
      current === 'Policies'
        ? new PoliciesPage(api, tenant.value)
        : new SubscriptionsPage(api, tenant.value, tenants.find(({ name }) => name === tenant.value)?.portal_url !== null);
    content.replaceChildren(
      tenants.length === 0 ? h('p', { textContent: 'There is no tenant yet: apply a manifest first.' }) : page.element,
    );
    if (tenants.length > 0) void page.load();
  };
  for (const tab of tabs)
    tab.onclick = () => {
      current = tab.textContent;
      draw();
    };
  tenant.onchange = draw;
  const signOut = h('button', { type: 'button', textContent: 'Sign out', onclick: () => location.reload() });
  main.replaceChildren(h('nav', { className: 'row' }, ...tabs, labelled('Tenant', tenant), signOut), content);
  draw();
}

showSignIn();
