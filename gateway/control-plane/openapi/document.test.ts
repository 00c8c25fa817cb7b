import { Validator } from '@seriousme/openapi-schema-validator';
import { validate } from '@readme/openapi-parser';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as ajvFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { openControlPlane } from '../../../test/helpers/control-plane.js';
import { rolesWith } from '../auth/roles.js';
import { endpoints } from '../endpoints.js';
import { buildDocument } from './document.js';

type SpecData = Extract<Parameters<Validator['validate']>[0], object>;

interface Operation {
  readonly operationId: string;
  readonly security?: unknown;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
  readonly 'x-stoa-roles'?: readonly string[];
}
type Content = Readonly<
  Record<string, { readonly schema: object; readonly example?: unknown; readonly examples?: Readonly<Record<string, { value: unknown }>> }>
>;
interface Document {
  readonly servers: readonly { url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly responses: Readonly<Record<string, { readonly content: Content }>>;
    readonly schemas: Readonly<Record<string, object>>;
  };
}

const text = JSON.stringify(buildDocument({ version: '1.2.3', publicUrl: 'https://api.example.test' }));
const document = JSON.parse(text) as Document;
/** The stream that gateways follow is no request and answer; the others are not written as operations. */
const UNDOCUMENTED = /^GET \/gateways\/stream$|\/webhooks\b|\/audit\/|\/logs$/;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => METHODS.includes(method))
    .map(([method, operation]) => ({ line: `${method.toUpperCase()} ${path}`, operation })),
);

describe('the OpenAPI document (CV8)', () => {
  it('is valid OpenAPI 3.1 for two independent validators (CV11)', async () => {
    const seriousme = await new Validator().validate(JSON.parse(text) as SpecData);
    const readme = await validate(JSON.parse(text) as Parameters<typeof validate>[0]);

    expect(seriousme).toMatchObject({ valid: true });
    expect(readme).toMatchObject({ valid: true });
  });

  it('is refused by both validators when an answer has lost its description', async () => {
    const broken = JSON.parse(text.replace('"description":"Done."', '"beschreibung":"Done."')) as object;

    expect(await new Validator().validate(structuredClone(broken) as SpecData)).toMatchObject({ valid: false });
    expect(await validate(broken as Parameters<typeof validate>[0])).toMatchObject({ valid: false });
  });

  it('has operation ids that are unique (CV11)', () => {
    const ids = operations.map(({ operation }) => operation.operationId);

    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id))).toEqual([]);
    expect(ids).toEqual(expect.arrayContaining(endpoints.map(({ id }) => id)));
  });

  it('has every route of the server, and no other (CV8)', async () => {
    const { app, close } = await openControlPlane();
    const documented = operations.map(({ line }) => line).sort();

    const routes = registeredRoutes(app.printRoutes({ commonPrefix: false, includeHooks: false }));
    await close();

    const outside = /^\w+ \/(docs|redoc|openapi\.json|console|link\/|$)/;
    const registered = routes
      .filter((line) => !outside.test(line))
      .map((line) => line.replace(' /v1/', ' /').replace(/:([a-z_]+)/gi, '{$1}'));
    expect(documented.filter((line) => !registered.includes(line))).toEqual([]);
    expect(registered.filter((line) => !documented.includes(line) && !UNDOCUMENTED.test(line))).toEqual([]);
  });

  it('says which roles may call an operation, as the table of rights has it', () => {
    for (const { id, right } of endpoints) {
      const shown = operations.find(({ operation }) => operation.operationId === id);
      expect(shown?.operation['x-stoa-roles'], id).toEqual(rolesWith(right));
    }
  });

  it('writes every component once', () => {
    const bodies = Object.values(document.components.schemas).map((schema) => JSON.stringify(schema));

    expect(bodies.length).toBeGreaterThan(20);
    expect(bodies.filter((body, index) => bodies.indexOf(body) !== index)).toEqual([]);
  });
});

describe('the examples of the document (CV11)', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (ajvFormats.default as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema({ ...(JSON.parse(text) as object), $id: 'https://api.example.test/openapi.json' });

  const contents = [
    ...operations.flatMap(({ line, operation }) => [
      { place: `${line} body`, content: operation.requestBody?.content },
      ...Object.entries(operation.responses).map(([status, { content }]) => ({ place: `${line} ${status}`, content })),
    ]),
    ...Object.entries(document.components.responses).map(([name, { content }]) => ({ place: name, content })),
  ];
  const examples = contents.flatMap(({ place, content = {} }) =>
    Object.values(content).flatMap(({ schema, example, examples = {} }) =>
      [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)].map((value) => ({
        place,
        schema,
        value,
      })),
    ),
  );

  it.each(examples)('$place fits its schema', ({ schema, value }) => {
    const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"https://api.example.test/openapi.json#/')) as object);

    expect(check(value), JSON.stringify(check.errors)).toBe(true);
  });

  it('would not fit with another type in them', () => {
    const check = ajv.compile({ $ref: 'https://api.example.test/openapi.json#/components/schemas/CreateTenantBody' });

    expect(check({ name: 'acme', tier: 'gold' })).toBe(false);
    expect(check({ name: 'acme', tier: 'free', more: 1 })).toBe(false);
  });

  it.each([
    ['POST /tenants', { name: 'acme', tier: 'starter', admin_email: 'admin@acme.com', region: 'us-east-1' }],
    ['PATCH /tenants/{tenant}', { tier: 'business', settings: { rate_limit_multiplier: 2 } }],
    [
      'POST /tenants/{tenant}/apis',
      {
        name: 'payment-api',
        description: 'Payment processing API',
        upstream_url: 'https://api.payments.example.com',
        path: '/payments',
        version: 'v1',
        auth_required: true,
        rate_limit: { requests_per_hour: 1000 },
      },
    ],
    ['PATCH /tenants/{tenant}/apis/{api}', { rate_limit: { requests_per_hour: 2000 } }],
    [
      'POST /tenants/{tenant}/subscriptions',
      { api_id: 'api-xyz789', plan: 'standard', application: 'mobile-app', callback_url: 'https://myapp.com/webhook' },
    ],
    ['POST /tenants/{tenant}/subscriptions/{subscription}/approve', { rate_limit: 1000, quota: 50_000 }],
    ['POST /tenants/{tenant}/apikeys', { subscription_id: 'sub-12345', name: 'Production Key', expires_at: '2026-01-09T00:00:00Z' }],
    ['POST /subscriptions/{subscription}/rotate-key', { grace_period_hours: 24 }],
    ['PATCH /admin/policies/{policy}', { config: { requests_per_minute: 200, burst: 20 } }],
  ])('of the body of %s is that of the documents', (line, body) => {
    expect(operationAt(line).requestBody?.content['application/json']?.example).toEqual(body);
  });

  it.each([
    [
      'POST /tenants',
      {
        id: 'ten-abc123',
        name: 'acme',
        tier: 'starter',
        status: 'provisioning',
        gateway_url: 'https://gateway.gostoa.dev/acme',
        created_at: '2025-01-09T10:00:00Z',
      },
    ],
    [
      'POST /tenants/{tenant}/apis',
      {
        id: 'api-xyz789',
        name: 'payment-api',
        public_url: 'https://gateway.gostoa.dev/acme/payments',
        status: 'active',
        created_at: '2025-01-09T10:15:00Z',
      },
    ],
    [
      'POST /tenants/{tenant}/subscriptions',
      { id: 'sub-12345', api_id: 'api-xyz789', status: 'pending_approval', api_key: null, created_at: '2025-01-09T10:30:00Z' },
    ],
    [
      'POST /subscriptions/{subscription}/rotate-key',
      {
        subscription_id: 'sub-uuid-123',
        new_api_key: 'stoa_sk_e7f8g9h0i1j2k3l4m5n6o7p8q9r0s1t2',
        new_api_key_prefix: 'stoa_sk_e7f8',
        old_key_expires_at: '2026-02-14T10:00:00Z',
        grace_period_hours: 24,
        rotation_count: 3,
      },
    ],
    [
      'GET /subscriptions/{subscription}/rotation-info',
      {
        subscription_id: 'sub-uuid-123',
        api_key_prefix: 'stoa_sk_e7f8',
        has_previous_key: true,
        previous_key_expires_at: '2026-02-14T10:00:00Z',
        rotation_count: 3,
        last_rotated_at: '2026-02-13T10:00:00Z',
      },
    ],
    [
      'GET /tenants/{tenant}/metrics',
      { metrics: [{ date: '2025-01-09', requests: 45_231, errors: 23, p50_latency_ms: 87, p95_latency_ms: 234, p99_latency_ms: 456 }] },
    ],
  ])('of the answer to %s is that of the documents', (line, answer) => {
    const { responses } = operationAt(line);
    expect((responses['201'] ?? responses['200'])?.content?.['application/json']?.example).toMatchObject(answer);
  });

  it('of a wrong request is that of the documents (CV13)', () => {
    expect(document.components.responses['validation_error']?.content['application/json']?.examples?.['validation_error']?.value).toEqual({
      error: {
        code: 'validation_error',
        message: 'Invalid request parameters',
        details: [{ field: 'tier', message: 'Invalid tier value' }],
      },
    });
  });
});

function operationAt(line: string): Operation {
  const found = operations.find((known) => known.line === line)?.operation;
  if (found === undefined) throw new Error(`${line} is not in the document.`);
  return found;
}

/** Method and path of each route from fastify's tree; HEAD comes by itself. */
function registeredRoutes(tree: string): string[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const match = /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (match === null) return [];
    const [, indent = '', segment = '', methods = ''] = match;
    const depth = indent.length / 4;
    parents.length = depth;
    parents.push(segment);
    return methods
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD')
      .map((method) => `${method} ${parents.join('').replaceAll('//', '/')}`);
  });
}
