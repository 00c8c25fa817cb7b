/** Policies of a tenant: what is in force, and the numbers of the limits. */
import { segment, type Api } from './api.js';
import { ask } from '../../browser/dialog.js';
import { h, labelled, wordsOf } from '../../browser/dom.js';

interface Policy {
  readonly id: string;
  readonly name: string;
  readonly policy_type: string;
  readonly priority: number;
  readonly enabled?: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly targets?: readonly { readonly kind: string; readonly name: string }[];
}

/** The page of the policies of one tenant. */
export class PoliciesPage {
  readonly element = h('section');
  readonly #api: Api;
  readonly #tenant: string;
  readonly #rows = h('tbody');
  readonly #count = h('p', { role: 'status' });

  constructor(api: Api, tenant: string) {
    this.#api = api;
    this.#tenant = tenant;
    const heads = ['Policy', 'Type', 'Settings', 'Applies to', 'Priority', ''].map((textContent) => h('th', { textContent, scope: 'col' }));
    this.element.append(h('div', { className: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads)), this.#rows)), this.#count);
  }

  /** Reads the policies anew. */
  async load(): Promise<void> {
    try {
      const { policies, total } = await this.#api.send<{ readonly policies: readonly Policy[]; readonly total: number }>(
        'GET',
        `${this.#base()}?limit=100`,
      );
      this.#rows.replaceChildren(...policies.map((policy) => this.#row(policy)));
      this.#count.textContent = `${policies.length} of ${total}`;
    } catch (error) {
      this.#count.textContent = wordsOf(error);
    }
  }

  #base(): string {
    return `/tenants/${segment(this.#tenant)}/policies`;
  }

  #row(policy: Policy): HTMLTableRowElement {
    const targets = (policy.targets ?? []).map(({ kind, name }) => `${kind} ${name}`);
    const edit = h('button', { type: 'button', textContent: 'Edit limits' });
    edit.setAttribute('aria-label', `Edit limits of ${policy.name}`);
    edit.onclick = () => void this.#edit(policy);
    const hasLimits = limitsOf(policy.config).length > 0;
    const cells = [
      policy.name,
      policy.policy_type,
      h('code', { textContent: JSON.stringify(policy.config) }),
      targets.length === 0 ? 'the whole tenant' : targets.join(', '),
      String(policy.priority),
      hasLimits ? edit : '',
    ];
    return h('tr', {}, ...cells.map((cell) => h('td', {}, cell)));
  }

  async #edit(policy: Policy): Promise<void> {
    const fields = limitsOf(policy.config).map(
      ([name, value]) => [name, h('input', { type: 'number', min: '0', value: String(value), required: true, name })] as const,
    );
    const isDone = await ask({
      title: `Limits of ${policy.name}`,
      body: [
        h('p', { textContent: 'Gateways follow within a second. What a manifest declares comes back with the next apply.' }),
        ...fields.map(([name, field]) => labelled(name.replaceAll('_', ' '), field)),
      ],
      action: 'Save',
      run: async () => {
        const config = { ...policy.config, ...Object.fromEntries(fields.map(([name, field]) => [name, Number(field.value)])) };
        await this.#api.send('PATCH', `${this.#base()}/${segment(policy.id)}`, { config });
      },
    });
    if (isDone) await this.load();
  }
}

/** The settings that are numbers. */
const limitsOf = (config: Policy['config']): (readonly [string, number])[] =>
  Object.entries(config).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : []));
