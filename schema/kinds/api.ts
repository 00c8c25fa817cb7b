import * as z from 'zod';
import { apiDocument } from '../api-document.js';
import { breaking, remarked, set, type Remark } from '../field.js';
import { defineKind } from '../kind.js';
import { toolsProblem, type ToolFields } from '../operations.js';
import { rateLimitConfig } from '../rate-limit.js';
import { upstreamUrl } from '../url.js';

export const HTTP_METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const;

const SEGMENT = "[A-Za-z0-9._~!$&'()*+,=:@-]+";
const pathPrefix = z
  .string()
  .max(512)
  .regex(new RegExp(`^/(${SEGMENT}(/${SEGMENT})*)?$`), 'A path begins with "/", has no empty segment and does not end with "/".')
  .refine((path) => !path.split('/').some((segment) => segment === '.' || segment === '..'), 'A path has no "." or ".." segment.');

const versionSegment = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/, 'A version is one path segment such as v1.');

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

/** Another path of the same host is the owner's own business; another host is another system. */
function changedHost(before: string | undefined, after: string | undefined): string | undefined {
  if (before === undefined || after === undefined || hostOf(before) === hostOf(after)) return undefined;
  return `upstream host changed from ${hostOf(before)} to ${hostOf(after)}`;
}

function removedMethods(before: readonly string[] | undefined, after: readonly string[] | undefined): string | undefined {
  const removed = after === undefined ? [] : (before ?? []).filter((method) => !after.includes(method));
  return removed.length === 0 ? undefined : `${removed.length === 1 ? 'method' : 'methods'} removed: ${removed.join(', ')}`;
}

function changedAuthentication(before: boolean | undefined, after: boolean | undefined): string | undefined {
  if (before === undefined || after === undefined || before === after) return undefined;
  return after ? 'authentication required' : 'authentication loosened';
}

const breaker = z.strictObject({
  failure_threshold: z.int().min(1).max(1000).default(5).describe('Failures in the window that open the circuit.'),
  window_secs: z.int().min(1).max(3600).default(60).describe('Length of the rolling window.'),
  open_secs: z.int().min(1).max(3600).default(10).describe('How long requests are refused before one probe is let through.'),
  success_threshold: z.int().min(1).max(100).default(2).describe('Successful probes that close the circuit.'),
});

const clientCertificate = z.strictObject({
  required: z.boolean().default(true).describe('Whether a request without one is refused; one that is shown must be valid in any case.'),
  issuers: set(z.string().min(1).max(1000).regex(/=/, 'A name of an issuer has parts such as CN=Acme CA.'), 1, 100)
    .optional()
    .describe('Distinguished names of the issuers that are accepted, such as CN=Acme CA,O=Acme; any trusted one when absent.'),
});

type ClientCertificateRule = z.infer<typeof clientCertificate>;

function changedCertificate(before: ClientCertificateRule | undefined, after: ClientCertificateRule | undefined): string | undefined {
  const [was, is] = [before?.required ?? false, after?.required ?? false];
  if (was !== is) return is ? 'client certificate required' : 'authentication loosened';
  const removed = (before?.issuers ?? []).filter((issuer) => after?.issuers !== undefined && !after.issuers.includes(issuer));
  const isNarrowed = after?.issuers !== undefined && (before?.issuers === undefined || removed.length > 0);
  return isNarrowed ? 'fewer issuers of client certificates' : undefined;
}

const server = z.strictObject({
  url: upstreamUrl.describe('Where this server is; its path comes before the rest of the request path.'),
  weight: z.int().min(1).max(1000).default(1).describe('Its share of the requests, beside the weights of the others.'),
});

const healthCheck = z.strictObject({
  path: z
    .string()
    .max(1024)
    .regex(/^\/[!-~]*$/, 'The path of a health check begins with "/" and has no spaces.')
    .default('/health')
    .describe('Asked with GET, behind the path of the upstream; an answer below 400 is a good one.'),
  interval_secs: z.int().min(1).max(3600).default(10).describe('How often each server is asked.'),
  timeout_ms: z.int().min(1).max(60_000).default(2000).describe('How long an answer may take.'),
  unhealthy_threshold: z.int().min(1).max(100).default(3).describe('Failures in a row that take a server out of turn.'),
  healthy_threshold: z.int().min(1).max(100).default(2).describe('Good answers in a row that bring it back.'),
});

const mcp = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether callers of the API are offered its operations as MCP tools.'),
  operations: set(z.string().min(1).max(512), 1)
    .optional()
    .describe('The only operations that are offered, each by its operationId or as GET /path; all when absent.'),
  cache_ttl_secs: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe(
      'How long answers to tools that only read are kept and given again, by the rules of the cache policy; not at all when absent.',
    ),
});

type Servers = readonly z.infer<typeof server>[];

function newHosts(before: Servers | undefined, after: Servers | undefined): string | undefined {
  const known = new Set((before ?? []).map(({ url }) => hostOf(url)));
  const added = new Set((after ?? []).map(({ url }) => hostOf(url)).filter((host) => !known.has(host)));
  // Without a list before, one of them is the host that was called all along.
  const isMore = before === undefined ? added.size > 1 : added.size > 0;
  return isMore ? `${before === undefined ? 'several upstream hosts' : 'upstream host added'}: ${[...added].join(', ')}` : undefined;
}

function tooManyOperations(given: unknown): Remark | undefined {
  // The registry of traits cannot hold the type of the spec that it is given.
  const message = toolsProblem(given as ToolFields);
  return message === undefined ? undefined : { code: 'too_many_operations', message };
}

const spec = z.strictObject({
  display_name: z.string().min(1).max(200).optional().describe('Name for people.'),
  description: z.string().max(10_000).optional().describe('What the API does; shown to consumers.'),
  path: breaking(pathPrefix, (_before, after) => (after === undefined ? 'route removed' : 'path changed')).describe(
    'Public path prefix below the tenant: /payments is served at /apis/{tenant}/payments.',
  ),
  version: breaking(versionSegment.optional(), (before, after) =>
    before === undefined ? undefined : after === undefined ? 'version removed' : 'version changed',
  ).describe('Served below the path as well: /payments/v1.'),
  upstream_url: breaking(upstreamUrl, changedHost).describe(
    'Where requests are forwarded: the rest of the path and the query are appended.',
  ),
  upstreams: breaking(z.array(server).min(1).max(50).optional(), newHosts).describe(
    'All servers of the API, when it has several; upstream_url is one of them, the first where it is not given.',
  ),
  health_check: healthCheck
    .optional()
    .describe('Asks each server by itself; without it, only the circuit breaker tells good ones from bad ones.'),
  methods: breaking(set(z.enum(HTTP_METHODS), 1), removedMethods)
    .default([...HTTP_METHODS])
    .describe('Accepted methods; another one is answered 405.'),
  auth_required: breaking(z.boolean(), changedAuthentication).default(true).describe('Whether an API key is needed.'),
  client_certificate: breaking(clientCertificate.optional(), changedCertificate).describe(
    'Client certificates (mTLS) beside the key; the gateway must be started to look at them.',
  ),
  activated: breaking(z.boolean(), (_before, after) => (after === false ? 'API deactivated' : undefined))
    .default(true)
    .describe('Whether the API is served; otherwise it is answered 503.'),
  rate_limit: rateLimitConfig.optional().describe('Limit of each consumer on this API, beside the policies.'),
  timeout_ms: z.int().min(1).max(3_600_000).default(30_000).describe('How long the upstream may take to answer.'),
  connect_timeout_ms: z.int().min(1).max(120_000).default(5000).describe('How long a connection to the upstream may take.'),
  retries: z
    .int()
    .min(0)
    .max(10)
    .default(2)
    .describe('Further tries when the upstream cannot be reached and nothing was sent twice by it.'),
  max_body_bytes: breaking(z.int().positive().optional(), (before, after) =>
    after !== undefined && after < (before ?? Infinity) ? 'largest body lowered' : undefined,
  ).describe('Largest request body; larger ones are answered 413.'),
  openapi: remarked(apiDocument.optional(), tooManyOperations).describe(
    'OpenAPI 3 document of the API, written here or taken from a file with ${file:openapi.yaml}: its operations are MCP tools.',
  ),
  mcp: mcp.optional().describe('What MCP clients see of the API; every operation when absent.'),
  circuit_breaker: breaker.optional().describe('When to stop calling a failing upstream; the default is 5 failures in 60 s.'),
});

/** `backend_url` is the gateway's older word for `upstream_url` (row AP1); of several servers the first is the `upstream_url`. */
function completeUpstream(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || 'upstream_url' in value) return value;
  if ('backend_url' in value) {
    const { backend_url, ...rest } = value;
    return { ...rest, upstream_url: backend_url };
  }
  const first: unknown = 'upstreams' in value && Array.isArray(value.upstreams) ? value.upstreams[0] : undefined;
  const url: unknown = typeof first === 'object' && first !== null && 'url' in first ? first.url : undefined;
  return url === undefined ? value : { ...value, upstream_url: url };
}

/** What a list of servers must hold beside the forms of its fields. */
function checkServers({ upstream_url, upstreams }: z.infer<typeof spec>, context: z.RefinementCtx): void {
  if (upstreams === undefined) return;
  const urls = upstreams.map(({ url }) => url.replace(/\/+$/, ''));
  if (!urls.includes(upstream_url.replace(/\/+$/, '')))
    context.addIssue({
      code: 'custom',
      path: ['upstream_url'],
      message: 'upstream_url is one of upstreams; leave it out, or name one of them.',
    });
  for (const [index, url] of urls.entries())
    if (urls.indexOf(url) !== index)
      context.addIssue({
        code: 'custom',
        path: ['upstreams', index, 'url'],
        message: 'This server is named before; give it a weight instead.',
      });
}

export type ApiSpec = z.infer<typeof spec>;

export const api = defineKind({
  kind: 'API',
  plural: 'apis',
  scope: 'tenant',
  summary: 'An HTTP API that the gateway publishes and forwards to an upstream.',
  spec: z.preprocess(completeUpstream, spec.superRefine(checkServers)),
  // Versions share a path, and nothing else does (decision K16).
  claims: ({ path, version }) => {
    const whole = { claim: `path ${path}`, field: 'path' };
    if (version === undefined) return [whole];
    return [
      { claim: `path ${path === '/' ? '' : path}/${version}`, field: 'path' },
      { ...whole, isShared: true },
    ];
  },
  columns: { path: (api) => api.path, version: (api) => api.version ?? '', upstream: (api) => api.upstream_url },
  example: {
    path: '/payments',
    version: 'v1',
    upstream_url: 'https://payments.example.com',
    methods: ['GET', 'POST'],
    rate_limit: { requests_per_hour: 1000 },
  },
});
