/** Unknown routes are 404, known ones with another method 405 with `Allow`. */
import type { FastifyInstance, RouteOptions } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import { answerError, pathOf } from './errors.js';

/** Call before any route is added: it takes note of all of them. */
export function addNotFound(app: FastifyInstance): void {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods));
    if (methods.size === 0)
      return answerError(new StoaError('not_found', `There is nothing at ${request.method} ${shown(path)}.`), request, reply);
    const allow = [...methods].sort().join(', ');
    void reply.header('allow', allow);
    return answerError(new StoaError('method_not_allowed', `${request.method} is not supported here; ${allow} are.`), request, reply);
  });
}

/** Route patterns are ours: plain segments and `:parameters`. */
function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${segments.join('/')}/?$`);
}

const shown = (path: string): string => (path.length > 200 ? `${path.slice(0, 200)}…` : path);
