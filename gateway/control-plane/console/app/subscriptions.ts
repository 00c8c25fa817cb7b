/** Subscriptions: who waits for approval, whose key is how old, and what can be done (documents A, day 5, and C). */
import { segment, type Api } from './api.js';
import { ask, type DialogContent } from '../../browser/dialog.js';
import { h, labelled, select, shownTime, wordsOf } from '../../browser/dom.js';
import { rotate, showKey } from './rotate.js';
import { makeSignInLink } from './sign-in-link.js';
import { titleOf, type Subscription } from './subscription.js';

interface Page {
  readonly subscriptions: readonly Subscription[];
  readonly total: number;
  readonly next_cursor: string | null;
}

interface Key {
  readonly id: string;
  readonly prefix: string;
  readonly status: string;
  readonly grace_until: string | null;
}

const STATUSES = [
  ['', 'All'],
  ['pending', 'Pending'],
  ['active', 'Active'],
  ['suspended', 'Suspended'],
  ['rejected', 'Rejected'],
  ['revoked', 'Revoked'],
  ['expired', 'Expired'],
] as const;
const PAGE = 100;

/** The page of the subscriptions of one tenant. */
export class SubscriptionsPage {
  readonly element = h('section');
  readonly #api: Api;
  readonly #tenant: string;
  readonly #hasPortal: boolean;
  readonly #status = select(STATUSES);
  readonly #search = h('input', { type: 'search', placeholder: 'name, consumer, API or key prefix' });
  readonly #rows = h('tbody');
  readonly #count = h('p', { role: 'status' });
  readonly #more = h('button', { type: 'button', textContent: 'Show more', hidden: true });
  #held: Subscription[] = [];
  #cursor: string | null = null;
  /** Counts readings from the start; a page that comes late, for an earlier one, is dropped. */
  #reading = 0;
  #isLoading = false;

  constructor(api: Api, tenant: string, hasPortal: boolean) {
    this.#api = api;
    this.#tenant = tenant;
    this.#hasPortal = hasPortal;
    this.#status.onchange = () => void this.load();
    this.#search.oninput = () => void this.#find();
    this.#more.onclick = () => void this.#loadMore();
    const heads = ['Subscription', 'Consumer', 'E-mail', 'API', 'Status', 'Key', 'Last rotated', ''].map((textContent) =>
      h('th', { textContent, scope: 'col' }),
    );
    this.element.append(
      h('div', { className: 'row' }, labelled('Status', this.#status), labelled('Find', this.#search)),
      h('div', { className: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads)), this.#rows)),
      this.#count,
      this.#more,
    );
  }

  /** Reads the first page anew. */
  async load(): Promise<void> {
    this.#held = [];
    this.#cursor = null;
    this.#reading += 1;
    await this.#loadMore();
    await this.#find();
  }

  /** Shows what is looked for: among all there are, not only among those shown so far. */
  async #find(): Promise<void> {
    this.#draw();
    const reading = this.#reading;
    while (this.#search.value.trim() !== '' && this.#cursor !== null && reading === this.#reading && !this.#isLoading)
      await this.#loadMore();
  }

  async #loadMore(): Promise<void> {
    const reading = this.#reading;
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.#status.value !== '') query.set('status', this.#status.value);
    if (this.#cursor !== null) query.set('cursor', this.#cursor);
    this.#isLoading = true;
    try {
      const page = await this.#api.send<Page>('GET', `/tenants/${segment(this.#tenant)}/subscriptions?${query.toString()}`);
      if (reading !== this.#reading) return;
      this.#held.push(...page.subscriptions);
      this.#cursor = page.next_cursor;
      this.#draw(page.total);
    } catch (error) {
      this.#cursor = null;
      this.#count.textContent = wordsOf(error);
    } finally {
      this.#isLoading = false;
    }
  }

  #draw(total?: number): void {
    const wanted = this.#search.value.trim().toLowerCase();
    const matches = (each: Subscription): boolean =>
      [each.id, each.name, each.consumer, each.consumer_name, each.consumer_email, each.api, each.api_key_prefix].some(
        (text) => text?.toLowerCase().includes(wanted) === true,
      );
    const shown = this.#held.filter(matches);
    // Those who wait for somebody come first.
    const ordered = [...shown.filter(isPending), ...shown.filter((each) => !isPending(each))];
    this.#rows.replaceChildren(...ordered.map((each) => this.#row(each)));
    if (total !== undefined) this.#count.textContent = `${this.#held.length} of ${total}`;
    this.#more.hidden = this.#cursor === null;
  }

  #row(subscription: Subscription): HTMLTableRowElement {
    const { api, status, api_key_prefix: prefix, previous_key_expires_at: old, last_rotated_at: rotated } = subscription;
    const cells = [
      titleOf(subscription),
      subscription.consumer_name ?? '',
      subscription.consumer_email ?? '',
      api,
      h('span', { className: `status ${status}`, textContent: status.replace('_', ' ') }),
      `${prefix ?? ''}${old === null ? '' : `, the old one until ${shownTime(old)}`}`,
      shownTime(rotated),
      h('div', { className: 'row' }, ...this.#actions(subscription), ...this.#signIn(subscription)),
    ];
    return h('tr', {}, ...cells.map((cell) => h('td', {}, cell)));
  }

  #actions(subscription: Subscription): HTMLButtonElement[] {
    const button = (textContent: string, run: () => Promise<boolean>): HTMLButtonElement => {
      const element = h('button', { type: 'button', textContent });
      element.setAttribute('aria-label', `${textContent} ${titleOf(subscription)}`);
      element.onclick = () => void run().then((isDone) => (isDone ? this.load() : undefined));
      return element;
    };
    const step = (label: string, verb: string, words: string): HTMLButtonElement =>
      button(label, () => ask(this.#step(subscription, label, verb, words)));
    const revoke = step('Revoke', 'revoke', 'Its keys stop working within a second, and for good.');
    switch (subscription.status) {
      case 'pending_approval':
        return [button('Approve', () => this.#approve(subscription)), step('Reject', 'reject', 'It will never be active.')];
      case 'active':
        return [
          button('Rotate Key', () => rotate(this.#api, subscription)),
          button('Keys', () => this.#keys(subscription)),
          step('Suspend', 'suspend', 'Its keys are refused until it is resumed.'),
          revoke,
        ];
      case 'suspended':
        return [step('Resume', 'resume', 'Its keys work again.'), revoke];
      default:
        return [];
    }
  }

  /** A way into the portal for whoever has lost theirs, or never had one. */
  #signIn(subscription: Subscription): HTMLButtonElement[] {
    if (!this.#hasPortal || subscription.consumer_id === null) return [];
    const button = h('button', { type: 'button', textContent: 'Sign-in link' });
    button.setAttribute('aria-label', `Sign-in link for ${titleOf(subscription)}`);
    button.onclick = () => void makeSignInLink(this.#api, subscription);
    return [button];
  }

  #step({ id, name }: Subscription, label: string, verb: string, words: string): DialogContent {
    const reason = h('input', { type: 'text', maxLength: 500 });
    const takesReason = verb !== 'resume';
    return {
      title: `${label} ${name}`,
      body: [
        h('p', { textContent: words }),
        ...(takesReason ? [labelled(verb === 'reject' ? 'Reason; the subscriber reads it' : 'Reason', reason)] : []),
      ],
      action: label,
      isDangerous: verb === 'revoke' || verb === 'reject',
      run: async () => {
        const body = takesReason && reason.value !== '' ? { reason: reason.value } : {};
        await this.#api.send('POST', `/subscriptions/${segment(id)}/${verb}`, body);
      },
    };
  }

  async #approve(subscription: Subscription): Promise<boolean> {
    const quota = h('input', { type: 'number', min: '1', placeholder: 'no limit' });
    let approved: Subscription | undefined;
    await ask({
      title: `Approve ${titleOf(subscription)}`,
      body: [
        h('p', { textContent: `${subscription.consumer_name ?? 'It'} may then call ${subscription.api}.` }),
        subscription.consumer_email === null ? '' : h('p', { textContent: `E-mail: ${subscription.consumer_email}` }),
        labelled('Requests a month', quota),
      ],
      action: 'Approve',
      run: async () => {
        const body = quota.value === '' ? {} : { quota: Number(quota.value) };
        approved = await this.#api.send<Subscription>('POST', `/subscriptions/${segment(subscription.id)}/approve`, body);
      },
    });
    if (approved === undefined) return false;
    if (approved.api_key !== null) await showKey(this.#api, subscription, approved.api_key, 'The subscription is active.');
    return true;
  }

  /** Cuts one key off at once (decision K31): what a rotation with its grace period cannot do. */
  async #keys({ id, name, tenant_id: tenant }: Subscription): Promise<boolean> {
    const base = `/tenants/${segment(tenant)}/apikeys`;
    const { apikeys } = await this.#api.send<{ readonly apikeys: readonly Key[] }>('GET', `${base}?subscription_id=${segment(id)}`);
    const live = apikeys.filter(({ status }) => status === 'active' || status === 'grace');
    const chosen = select(
      live.map((key) => [key.id, `${key.prefix} ${key.grace_until === null ? 'active' : `until ${shownTime(key.grace_until)}`}`]),
    );
    chosen.selectedIndex = live.length === 0 ? -1 : 0;
    return ask({
      title: `Cut off a key of ${name}`,
      body: [h('p', { textContent: 'The key stops working within a second, without a grace period.' }), labelled('Key', chosen)],
      action: 'Cut off',
      isDangerous: true,
      run: async () => {
        if (chosen.value === '') throw new Error('The subscription has no key that works.');
        await this.#api.send('DELETE', `${base}/${segment(chosen.value)}`);
      },
    });
  }
}

const isPending = ({ status }: Subscription): boolean => status === 'pending_approval';
