/** A gateway with one route that is governed by one policy, and an upstream that remembers what it was asked. */
import type { IncomingHttpHeaders } from 'node:http';
import { errorReply } from '../../gateway/data-plane/own-routes.js';
import type { Hooks, PolicyDefinition, PolicyServices } from '../../gateway/policies/contract.js';
import { KEY, makeRoute, startGateway, startUpstream } from './data-plane.js';

/** The services of a policy that needs none but these, or those that are given. */
export const servicesOf = (given: Partial<PolicyServices> = {}): PolicyServices => ({
  now: () => Date.now(),
  errorReply,
  limiter: () => {
    throw new TypeError('This policy has no limits.');
  },
  quota: () => {
    throw new TypeError('This policy has no quota.');
  },
  tokens: () => {
    throw new TypeError('This policy looks at no tokens.');
  },
  ...given,
});

interface Call {
  readonly method?: string;
  /** The API key; a good one when absent. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | ReadableStream;
}

/** The hooks of a policy with this config, as the compiler makes them. */
export const hooksOf = (policy: PolicyDefinition, config: object, services: Partial<PolicyServices> = {}): Hooks =>
  policy.compile(policy.config.parse(config) as never, servicesOf(services));

/** What is wrong with a config, as the check of manifests would have it. */
export function findingsOf(policy: PolicyDefinition, config: object): { readonly path: string; readonly message: string }[] {
  const issues = policy.config.safeParse(config).error?.issues ?? [];
  return issues.map(({ path, message }) => ({ path: path.join('.'), message }));
}

export interface PolicyGatewayOptions {
  readonly trustedProxies?: readonly string[];
  readonly maxBodyBytes?: number;
  /** False: no API key is asked for. */
  readonly authRequired?: boolean;
  readonly services?: Partial<PolicyServices>;
}

/** Starts both; they stop with the test. */
export async function policyGateway(policy: PolicyDefinition, config: object, options: PolicyGatewayOptions = {}) {
  const received: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
  const upstream = await startUpstream((req, res) => {
    req.resume().on('end', () => {
      received.push({ url: req.url ?? '', headers: req.headers });
      res.setHeader('X-Powered-By', 'tests').end('ok');
    });
  });
  const hooks = [hooksOf(policy, config, options.services)];
  const isEarly = policy.stage === 'preflight' || policy.stage === 'address';
  const route = makeRoute({
    upstreamUrl: upstream.url,
    upstream: { maxBodyBytes: options.maxBodyBytes },
    authRequired: options.authRequired ?? true,
    ...(isEarly ? { preflight: hooks } : { hooks }),
  });
  const gateway = await startGateway({ routes: [route], trustedProxies: options.trustedProxies ?? [] });
  const call = (path: string, { key = KEY, headers = {}, body, method = 'GET' }: Call = {}): Promise<Response> => {
    const init: RequestInit & { duplex?: 'half' } = { method, headers: { 'x-api-key': key, ...headers } };
    if (body !== undefined) Object.assign(init, { body, duplex: 'half' });
    return fetch(gateway.url + path, init);
  };
  return { call, received, gateway };
}
