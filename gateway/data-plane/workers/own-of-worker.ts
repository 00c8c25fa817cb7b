/** What a worker answers of the gateway's own routes: that it lives, and MCP clients. Everything else is known in one place, and asked for there. */
import { now } from '../../clock.js';
import { createBearerCheck, createMetricsCheck } from '../bearer.js';
import { livenessReply, type OwnAnswers, type OwnState } from '../own-routes.js';
import type { Settings } from '../settings.js';
import type { PrimarySays, WorkerAsks } from './messages.js';

interface OwnLine {
  call(name: 'own', question: WorkerAsks['own'][0]): Promise<WorkerAsks['own'][1]>;
}

/** The answers to the gateway's own routes, in a worker. */
export function ownOfWorker(
  line: OwnLine,
  { adminToken, metricsToken }: Settings,
  { version, startedAt }: Pick<PrimarySays['start'], 'version' | 'startedAt'>,
  mcp: OwnAnswers['mcp'],
): OwnAnswers {
  const isAdmin = adminToken === undefined ? () => false : createBearerCheck(adminToken);
  const isReader = createMetricsCheck(metricsToken);
  const health: OwnState['health'] = () => ({ status: 'ok', version, uptime_seconds: Math.floor((now() - startedAt) / 1000) });
  const answer: OwnAnswers['answer'] = async ({ method, path, query, authorization, readBody }, isDraining) => {
    const isRead = method === 'GET' || method === 'HEAD';
    const alive = isRead ? livenessReply(path, health) : undefined;
    if (alive !== undefined) return alive;
    // Before it is known who somebody is, nobody's body is read and no worker is asked.
    const isKnown = path === '/metrics' ? isReader(authorization) : path.startsWith('/admin') && isAdmin(authorization);
    const body = !isRead && isKnown ? await readBody() : '';
    return line.call('own', { method, path, query, authorization, body, isKnown, isDraining });
  };
  return { answer, mcp };
}
