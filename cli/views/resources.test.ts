import { describe, expect, it } from 'vitest';
import { load } from 'js-yaml';
import type { StoredResource } from '../../schema/change.js';
import { catalog } from '../../gateway/catalog.js';
import { canonicalJson } from '../../schema/resource.js';
import { toManifest } from '../operations/manifest.js';
import { plain } from './paint.js';
import { descriptionText, listingText, listingYaml, namesText, wideText } from './resources.js';

const stored = (kind: string, tenant: string, name: string, spec: unknown): StoredResource => ({
  kind,
  tenant,
  name,
  labels: {},
  annotations: {},
  spec: catalog.find(kind)?.spec.parse(spec) as StoredResource['spec'],
  id: `${kind.slice(0, 3).toLowerCase()}-1`,
  version: 2,
  managed_by: 'shop',
  created_at: '2026-11-01T00:00:00.000Z',
  updated_at: '2026-11-02T00:00:00.000Z',
  updated_by: 'alice',
});

const payments = stored('API', 'acme', 'payments', { path: '/payments', version: 'v1', upstream_url: 'http://127.0.0.1:9000' });
const orders = stored('API', 'zeta', 'orders', {
  path: '/orders',
  upstream_url: 'http://127.0.0.1:9000',
  circuit_breaker: { open_secs: 30 },
});
const acme = stored('Tenant', 'acme', 'acme', { tier: 'starter' });

describe('listingText', () => {
  it('is a table with the columns of the kind', () => {
    expect(listingText({ schema_version: 1, resources: [payments, orders] }, plain)).toMatchInlineSnapshot(`
      "TENANT  NAME      PATH       VERSION  UPSTREAM
      acme    payments  /payments  v1       http://127.0.0.1:9000
      zeta    orders    /orders             http://127.0.0.1:9000
      "
    `);
  });

  it('is one table a kind when there are several', () => {
    const text = listingText({ schema_version: 1, resources: [payments, acme] }, plain);

    expect(text).toMatchInlineSnapshot(`
      "# Tenant
      NAME  TIER
      acme  starter

      # API
      TENANT  NAME      PATH       VERSION  UPSTREAM
      acme    payments  /payments  v1       http://127.0.0.1:9000
      "
    `);
  });

  it('says so when nothing was found', () => {
    expect(listingText({ schema_version: 1, resources: [] }, plain)).toBe('Nothing found.\n');
  });
});

describe('other forms', () => {
  it('wide adds id, version, owner and last writer', () => {
    expect(wideText({ schema_version: 1, resources: [acme] }, plain)).toMatchInlineSnapshot(`
      "NAME  TIER     ID     RESOURCE VERSION  PROJECT  UPDATED                   BY
      acme  starter  ten-1  2                 shop     2026-11-02T00:00:00.000Z  alice
      "
    `);
  });

  it('names are for scripts', () => {
    expect(namesText({ schema_version: 1, resources: [payments, acme] })).toBe('api/acme/payments\ntenant/acme\n');
  });

  it('yaml is a manifest without defaults', () => {
    expect(listingYaml({ schema_version: 1, resources: [acme, orders] })).toMatchInlineSnapshot(`
      "apiVersion: gostoa.dev/v1beta1
      kind: Tenant
      metadata:
        name: acme
      spec:
        tier: starter
      ---
      apiVersion: gostoa.dev/v1beta1
      kind: API
      metadata:
        name: orders
        tenant: zeta
      spec:
        path: /orders
        upstream_url: http://127.0.0.1:9000
        circuit_breaker:
          open_secs: 30
      "
    `);
  });

  it('describes what is declared and what has happened', () => {
    const text = descriptionText(
      { ...payments, schema_version: 1, lived: { status: 'active', keys: [{ prefix: 'stoa_sk_abcd' }] } },
      plain,
    );

    expect(text).toContain('kind     API\nname     payments\ntenant   acme\n');
    expect(text).toContain('lived\n  status         active\n  keys.0.prefix  stoa_sk_abcd\n');
  });
});

describe('toManifest', () => {
  it.each(catalog.kinds.map((definition) => [definition.kind, definition] as const))(
    'of the example of %s parses to the same spec',
    (kind, definition) => {
      const resource = stored(kind, 'acme', 'example', definition.example);

      const manifest = toManifest(resource);

      expect(canonicalJson(definition.spec.parse(load(JSON.stringify(manifest.spec))))).toBe(canonicalJson(resource.spec));
    },
  );
});
