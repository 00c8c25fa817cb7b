import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from './helpers/control-plane.js';
import { requireDocumentedAnswer } from './helpers/documented-answer.js';

describe('what holds answers against the documentation', () => {
  let control: TestControlPlane;
  let tenant: Record<string, unknown>;
  beforeAll(async () => {
    control = await openControlPlane();
    tenant = (await control.send('POST /v1/tenants', { name: 'acme' })).body as Record<string, unknown>;
  });
  afterAll(() => control.close());

  it('lets the answer of the server pass', () => {
    expect(() => requireDocumentedAnswer('GET /v1/tenants/acme?x=1', 200, tenant)).not.toThrow();
  });

  it('refuses an unknown field, a missing one, one that has a default, and another status', () => {
    const { gateway_url: _url, ...lacking } = tenant;
    const { settings: _settings, ...withoutDefault } = tenant;

    expect(() => requireDocumentedAnswer('GET /v1/tenants/acme', 200, { ...tenant, more: 1 })).toThrow(/more/);
    expect(() => requireDocumentedAnswer('GET /v1/tenants/acme', 200, lacking)).toThrow(/gateway_url/);
    expect(() => requireDocumentedAnswer('GET /v1/tenants/acme', 200, withoutDefault)).toThrow(/lacks fields/);
    expect(() => requireDocumentedAnswer('GET /v1/tenants/acme', 201, tenant)).toThrow(/documented is 200/);
  });
});
