import { describe, expect, it } from 'vitest';
import { catalog } from '../../gateway/catalog.js';
import type { Change } from '../../schema/change.js';
import type { Json } from '../../schema/kind.js';
import { plan } from '../../schema/plan.js';
import { withoutDefaults } from './defaults.js';

/** The create of a resource with this spec, as the control plane plans it. */
function creation(kind: string, spec: unknown): Change {
  const parsed = catalog.find(kind)?.spec.parse(spec) as Record<string, Json>;
  const resource = { kind, tenant: 'acme', name: kind === 'Tenant' ? 'acme' : 'x', labels: {}, annotations: {}, spec: parsed };
  const [change] = plan({ catalog, request: { project: 'shop', resources: [resource] }, current: [], revision: 0 }).changes;
  return change ?? expect.fail('nothing was planned');
}

const shown = (kind: string, spec: unknown): string[] => withoutDefaults(creation(kind, spec)).map(({ path }) => path);

describe('withoutDefaults', () => {
  it.each([
    ['Tenant', { tier: 'starter' }, ['spec.tier']],
    ['Tenant', { tier: 'free', region: 'eu' }, ['spec.region']],
    ['API', { path: '/x', upstream_url: 'http://127.0.0.1:9000' }, ['spec.path', 'spec.upstream_url']],
    [
      'API',
      { path: '/x', upstream_url: 'http://127.0.0.1:9000', retries: 2, methods: ['GET'] },
      ['spec.path', 'spec.upstream_url', 'spec.methods'],
    ],
    ['Consumer', { email: 'a@example.com' }, ['spec.email']],
    ['Policy', { policy_type: 'rate_limit', config: { requests_per_minute: 5 } }, ['spec.policy_type', 'spec.config.requests_per_minute']],
    [
      'Policy',
      { policy_type: 'cors', config: { origins: ['https://a.example'] }, priority: 50 },
      ['spec.policy_type', 'spec.config.origins', 'spec.priority'],
    ],
  ])('of a new %s shows what was written', (kind, spec, paths) => {
    expect(shown(kind, spec)).toEqual(paths);
  });

  it('leaves an update as it is', () => {
    const change: Change = {
      ...creation('Tenant', {}),
      action: 'update',
      fields: [{ path: 'spec.tier', before: 'starter', after: 'free' }],
    };

    expect(withoutDefaults(change)).toEqual(change.fields);
  });
});
