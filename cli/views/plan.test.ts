import { describe, expect, it } from 'vitest';
import type { Change, Plan } from '../../schema/change.js';
import { colours, plain } from './paint.js';
import { planMarkdown, planUnified } from './plan-formats.js';
import { appliedText, planText } from './plan.js';

const planOf = (changes: readonly Change[], unchanged = 0, refusals: Plan['refusals'] = []): Plan => {
  const count = (action: Change['action']): number => changes.filter((change) => change.action === action).length;
  return {
    schema_version: 1,
    project: 'shop',
    revision: 7,
    changes,
    summary: { create: count('create'), update: count('update'), delete: count('delete'), unchanged },
    refusals,
    diagnostics: [],
  };
};

const create = (name: string, tenant = 'acme'): Change => ({
  kind: 'API',
  tenant,
  name,
  action: 'create',
  version: 0,
  fields: [
    { path: 'spec.path', after: `/${name}` },
    { path: 'spec.upstream_url', after: 'http://127.0.0.1:9000' },
  ],
});

const update: Change = {
  kind: 'Policy',
  tenant: 'acme',
  name: 'limits',
  action: 'update',
  version: 3,
  fields: [
    { path: 'spec.config.requests_per_minute', before: 100, after: 200 },
    { path: 'spec.description', before: 'old' },
    { path: 'metadata.labels.team', after: 'core' },
  ],
  drift: { by: 'alice', at: '2026-11-02T10:00:00.000Z' },
  breaking: ['authentication loosened'],
};

const remove: Change = {
  kind: 'Consumer',
  tenant: 'acme',
  name: 'old',
  action: 'delete',
  version: 1,
  fields: [],
  dependents: ['Subscription acme/old-payments'],
};

describe('planText', () => {
  it('groups by tenant, shows only what changes, and puts deletes last (CL4)', () => {
    const text = planText(planOf([create('orders'), update, create('maps', 'zeta'), remove], 3), plain, {
      next: 'Run "stoactl apply" to apply it.',
    });

    expect(text).toMatchInlineSnapshot(`
      "acme
        + API orders
            path          "/orders"
            upstream_url  "http://127.0.0.1:9000"
        ~ Policy limits
            breaking: authentication loosened
            drift: changed by alice at 2026-11-02T10:00:00.000Z
            config.requests_per_minute  100 -> 200
            description                 "old" -> (none)
            metadata.labels.team        (none) -> "core"
      zeta
        + API maps
            path          "/maps"
            upstream_url  "http://127.0.0.1:9000"
      acme
        - Consumer old
            goes or breaks with it: Subscription acme/old-payments
      # 3 unchanged

      Plan: 2 to create, 1 to change, 1 to delete.
      Run "stoactl apply" to apply it.
      "
    `);
  });

  it('says so when nothing changes, and does not name a next command', () => {
    expect(planText(planOf([], 12), plain, { next: 'next' })).toBe('# 12 unchanged\n\nNo changes: what is declared is what is live.\n');
  });

  it('paints deletes red', () => {
    expect(planText(planOf([remove]), colours)).toContain('\u001B[31m  - Consumer old\u001B[39m');
  });

  it('shows a refusal with what to do', () => {
    const text = planText(
      planOf([remove], 0, [{ code: 'guard_refused', message: 'Too many deletes.', hint: 'Raise --max-deletes.' }]),
      plain,
    );

    expect(text).toContain('Refused: Too many deletes. [guard_refused]\n  Raise --max-deletes.\n');
  });

  it('counts the creates of a long list and still names every delete', () => {
    const creates = Array.from({ length: 10_000 }, (_, index) => create(`api-${index}`));
    const deletes = Array.from({ length: 500 }, (_, index) => ({ ...remove, name: `old-${index}` }));

    const lines = planText(planOf([...creates, ...deletes]), plain).split('\n');

    expect(lines).toContain('  + … and 9980 more of kind API');
    expect(lines.filter((line) => line.startsWith('  - Consumer old-'))).toHaveLength(500);
    expect(lines.length).toBeLessThan(1100);
  });

  it('lets no name or value steer the terminal', () => {
    const text = planText(planOf([{ ...create('orders'), fields: [{ path: 'spec.description', after: 'a\u001B[2Jb\u202Ec' }] }]), plain);

    // eslint-disable-next-line no-control-regex -- that is what is looked for
    expect(text).not.toMatch(/[\u001B\u202E]/);
  });
});

describe('appliedText', () => {
  it('counts what was done', () => {
    expect(appliedText({ schema_version: 1, plan: planOf([create('a'), update]), revision: 8, applied: true }, plain)).toBe(
      'Applied as revision 8: 1 created, 1 changed, 0 deleted.\n',
    );
  });
});

describe('planMarkdown', () => {
  it('has a marker, the counts, a table and collapsible blocks', () => {
    expect(planMarkdown(planOf([update, remove], 2))).toMatchInlineSnapshot(`
      "<!-- stoactl diff: shop -->
      ### stoactl diff: shop

      **0 to create, 1 to change, 1 to delete**, 2 unchanged.

      | | resource | what |
      |---|---|---|
      | \`~\` | Policy acme/limits | \`config.requests_per_minute\`, \`description\`, \`metadata.labels.team\`; breaking: authentication loosened; drift: changed by alice at 2026-11-02T10:00:00.000Z |
      | \`-\` | Consumer acme/old | goes or breaks with it: Subscription acme/old-payments |

      <details><summary>~ Policy acme/limits</summary>

      \`\`\`diff
      @@ -1,2 +1,2 @@ Policy acme/limits
      -spec.config.requests_per_minute: 100
      +spec.config.requests_per_minute: 200
      -spec.description: "old"
      +metadata.labels.team: "core"
      \`\`\`

      </details>
      "
    `);
  });

  it('stays below the limit of a comment and keeps the counts', () => {
    const text = planMarkdown(planOf(Array.from({ length: 10_000 }, (_, index) => create(`api-${index}`))));

    expect(Buffer.byteLength(text)).toBeLessThan(65_536);
    expect(text).toContain('**10000 to create');
    expect(text).toContain('_Cut: ');
  });
});

describe('planUnified', () => {
  it('shows live against declared', () => {
    expect(planUnified(planOf([create('orders'), update]))).toMatchInlineSnapshot(`
      "--- /dev/null
      +++ declared/acme/API/orders
      @@ -0,0 +1,2 @@ API acme/orders
      +spec.path: "/orders"
      +spec.upstream_url: "http://127.0.0.1:9000"
      --- live/acme/Policy/limits
      +++ declared/acme/Policy/limits
      @@ -1,2 +1,2 @@ Policy acme/limits
      -spec.config.requests_per_minute: 100
      +spec.config.requests_per_minute: 200
      -spec.description: "old"
      +metadata.labels.team: "core"
      "
    `);
  });
});
