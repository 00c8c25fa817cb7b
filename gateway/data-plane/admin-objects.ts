/** Routes and policies of the admin API (document D): what is accepted, and how they are shown. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { addressProblem } from '../../schema/address.js';
import type { Catalog } from '../../schema/catalog.js';
import { checkSpec } from '../../schema/check-spec.js';
import type { KindDefinition } from '../../schema/kind.js';
import { HTTP_METHODS } from '../../schema/kinds/api.js';
import type { PolicySpec } from '../../schema/kinds/policy.js';
import { resourceName } from '../../schema/name.js';
import { canonicalJson } from '../../schema/resource.js';
import { shown } from '../../schema/shown.js';
import type { SyncResource } from '../../schema/sync.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import type { CompiledRoute } from './compile.js';
import type { AdminApi, AdminPolicy } from './config-source.js';
import { isOwnPath } from './own-routes.js';

const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, 'An id is 1 to 128 letters, digits, dots, colons, hyphens and underscores.');
const name = z.string().min(1).max(200);

const apiBody = z.strictObject({
  id: id.describe('Id of the route; an existing one is updated.'),
  name: name.describe('Name of the API.'),
  tenant_id: resourceName.describe('Name of the tenant.'),
  path_prefix: z.string().max(1024).describe('Prefix of whole segments, taken as it is.'),
  backend_url: z.string().describe('Where requests are forwarded.'),
  methods: z
    .array(z.string())
    .min(1)
    .default([...HTTP_METHODS])
    .describe('Accepted methods.'),
  spec_hash: z.string().max(200).optional().describe('Whatever identifies this version of the route; made from it when absent.'),
  activated: z.boolean().default(true).describe('Whether the route is served; otherwise it is answered 503.'),
  // A gateway alone knows no keys: a route that demanded one could never be called.
  auth_required: z.boolean().default(false).describe('Whether an API key of a subscription to this API is needed.'),
});

const policyBody = z.strictObject({
  id: id.describe('Id of the policy; an existing one is updated.'),
  name: name.describe('Name of the policy.'),
  policy_type: z.string().max(100).describe('Type of the policy, such as rate_limit.'),
  config: z.unknown().describe('Settings of that type.'),
  priority: z.int().min(0).max(10_000).default(100).describe('Of several policies of one type the lowest number rules.'),
  api_id: id.describe('Id of the route that it governs.'),
});

/** The address of an API body inside the spec of the kind `API`, and back. */
const FIELDS: Readonly<Record<string, string>> = { path: 'path_prefix', upstream_url: 'backend_url' };

/** Reads the body of `POST /admin/apis`. Throws `validation_error` with every finding. */
export function readAdminApi(catalog: Catalog, text: string, allowPrivate: boolean, createdAt: string): AdminApi {
  const body = read(apiBody, text);
  const { path_prefix: path, backend_url: upstream_url, methods, activated, auth_required } = body;
  const findings = findingsOf(catalog.find('API'), { path, upstream_url, methods, activated, auth_required }).map(renamed);
  if (isOwnPath(path)) findings.push({ path: 'path_prefix', message: `"${path}" belongs to the gateway itself.` });
  // Names are checked where they are resolved, at each connection; addresses here as well.
  const problem = findings.length === 0 ? addressProblem(new URL(upstream_url).hostname, allowPrivate) : undefined;
  if (problem !== undefined)
    findings.push({ path: 'backend_url', message: `${problem.message} --allow-private-upstreams lets a gateway call private ones.` });
  refuse(findings);
  const unique = [...new Set(methods)];
  return {
    ...body,
    methods: unique,
    spec_hash: body.spec_hash ?? hashOf({ path, upstream_url, methods: unique, activated }),
    created_at: createdAt,
  };
}

/** Reads the body of `POST /admin/policies`. Throws `validation_error` with every finding. */
export function readAdminPolicy(catalog: Catalog, text: string, createdAt: string): AdminPolicy {
  const body = read(policyBody, text);
  const { policy_type, config, priority } = body;
  refuse(findingsOf(catalog.find('Policy'), { policy_type, config, priority }));
  return { ...body, config, created_at: createdAt };
}

type Finding = Pick<Diagnostic, 'path' | 'message'>;

/** The body as its schema makes it. Throws `validation_error`. */
function read<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StoaError('validation_error', 'The body is not JSON.', { hint: 'Send one JSON object, such as {"id": "..."}.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StoaError('validation_error', `The body is ${shown(value)}; it must be one JSON object.`);
  refuse(findingsOf({ spec: schema }, value));
  return schema.parse(value);
}

/** What is wrong, with the value, and what to do about it, in the words of manifests. */
const findingsOf = (definition: Pick<KindDefinition, 'spec'> | undefined, spec: object): Finding[] =>
  definition === undefined
    ? []
    : checkSpec(definition, spec).findings.map(({ path, message, hint }) => ({
        path: path.join('.'),
        message: hint === undefined ? message : `${message} ${hint}`,
      }));

/** A finding about a field of the kind, as one about that of the body. */
function renamed({ path, message }: Finding): Finding {
  const [first = '', ...rest] = path.split('.');
  const field = FIELDS[first];
  return field === undefined
    ? { path, message }
    : { path: [field, ...rest].join('.'), message: message.replaceAll(`"${first}"`, `"${field}"`) };
}

function refuse(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const diagnostics = findings.map((finding): Diagnostic => ({ severity: 'error', code: 'validation_error', ...finding }));
  throw new StoaError('validation_error', undefined, { diagnostics });
}

const hashOf = (spec: unknown): string => createHash('sha256').update(canonicalJson(spec)).digest('hex').slice(0, 12);

const views = new WeakMap<object, string>();

/** Short hash of a spec; made once for each object. */
function specHash(spec: object): string {
  const hash = views.get(spec) ?? hashOf(spec);
  views.set(spec, hash);
  return hash;
}

/** The eight fields of document D for a route, whoever gave it. */
export function apiView(route: CompiledRoute, admin: AdminApi | undefined): unknown {
  if (admin !== undefined) {
    const { auth_required: _auth, created_at: _created, ...fields } = admin;
    return fields;
  }
  const { id: routeId, tenant: tenant_id, api, prefixes, state, methods, source } = route;
  const spec = (source.spec ?? {}) as { readonly upstream_url?: unknown };
  return {
    id: routeId,
    name: api,
    tenant_id,
    path_prefix: prefixes[0] ?? '',
    backend_url: typeof spec.upstream_url === 'string' ? spec.upstream_url : '',
    methods: [...methods],
    spec_hash: specHash(spec),
    activated: state === 'active',
  };
}

/** The six fields of document D. */
export function adminPolicyView({ created_at: _created, ...fields }: AdminPolicy): unknown {
  return fields;
}

/** A policy of the control plane in the form of document D; `api_id` is null unless it governs exactly one API. */
export function policyView({ id: policyId, name: policyName, spec }: SyncResource, idOfApi: (name: string) => string | undefined): unknown {
  const { policy_type, config, priority, targets = [] } = spec as unknown as Partial<PolicySpec>;
  const [target] = targets;
  const apiId = targets.length === 1 && target?.kind === 'API' ? idOfApi(target.name) : undefined;
  return { id: policyId, name: policyName, policy_type, config, priority, api_id: apiId ?? null };
}
