import { describe, expect, it } from 'vitest';
import { parseManifests, type Manifest } from './manifest.js';
import { mergeOverlay } from './overlay.js';

const HEAD = 'apiVersion: gostoa.dev/v1beta1\nkind: API\n';
const read = (text: string, file: string): Manifest[] => parseManifests(text, file).manifests;

const base = read(
  `${HEAD}metadata: {name: payments, tenant: acme, labels: {stage: dev, team: core}}\nspec:\n  path: /payments\n  methods: [GET, POST]\n  rate_limit: {requests_per_minute: 5, burst: 1}\n  retries: 1\n`,
  'base.yaml',
);

describe('an overlay', () => {
  it('merges mappings, replaces lists, removes what is null', () => {
    const overlay = read(
      `${HEAD}metadata: {name: payments, tenant: acme, labels: {stage: prod}}\nspec: {methods: [GET], rate_limit: {burst: 9}, retries: null}\n`,
      'prod.yaml',
    );

    const [merged] = mergeOverlay(base, overlay);

    expect(merged?.spec).toEqual({ path: '/payments', methods: ['GET'], rate_limit: { requests_per_minute: 5, burst: 9 } });
    expect(merged?.labels).toEqual({ stage: 'prod', team: 'core' });
  });

  it('leaves what it is merged over as it was', () => {
    const before = JSON.stringify(base);

    mergeOverlay(base, read(`${HEAD}metadata: {name: payments, tenant: acme}\nspec: {rate_limit: {burst: 9}}\n`, 'prod.yaml'));

    expect(JSON.stringify(base)).toBe(before);
  });

  it('adds a resource of a new name', () => {
    const merged = mergeOverlay(base, read(`${HEAD}metadata: {name: orders, tenant: acme}\nspec: {}\n`, 'prod.yaml'));

    expect(merged.map(({ name }) => name)).toEqual(['payments', 'orders']);
  });

  it('without a tenant fits the only resource of its kind and name', () => {
    const overlay = read(`${HEAD}metadata: {name: payments}\nspec: {retries: 7}\n`, 'prod.yaml');
    const other = base.map((manifest) => ({ ...manifest, tenant: 'beta' }));

    expect(mergeOverlay(base, overlay)).toHaveLength(1);
    expect(mergeOverlay([...base, ...other], overlay)).toHaveLength(3);
  });

  it('is where a value that it sets is found, and the base for all others', () => {
    const [merged] = mergeOverlay(
      base,
      read(`${HEAD}metadata: {name: payments, tenant: acme}\nspec:\n  rate_limit:\n    burst: 9\n`, 'prod.yaml'),
    );

    expect(merged?.locate(['spec', 'rate_limit', 'burst'])).toEqual({ file: 'prod.yaml', line: 6, column: 12 });
    expect(merged?.locate(['spec', 'path'])).toEqual({ file: 'base.yaml', line: 5, column: 9 });
    expect(merged?.locate(['spec', 'retries'], 'key')).toEqual({ file: 'base.yaml', line: 8, column: 3 });
  });
});
