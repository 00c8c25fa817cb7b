/** What a worker answers of the gateway's own routes: that it lives, and MCP clients. Everything else is known in one place, and asked for there. */
import { now } from '../../clock.js';
import { createBearerCheck } from '../bearer.js';
import { jsonReply, type OwnAnswers } from '../own-routes.js';
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
  const isReader = metricsToken === undefined ? () => true : createBearerCheck(metricsToken);
  const answer: OwnAnswers['answer'] = async ({ method, path, query, authorization, readBody }, isDraining) => {
    const isRead = method === 'GET' || method === 'HEAD';
    if (isRead && path === '/health/live') return jsonReply(200, { status: 'ok' });
    if (isRead && path === '/health')
      return jsonReply(200, { status: 'ok', version, uptime_seconds: Math.floor((now() - startedAt) / 1000) });
    // Before it is known who somebody is, nobody's body is read and no worker is asked.
    const isKnown = path === '/metrics' ? isReader(authorization) : path.startsWith('/admin') && isAdmin(authorization);
    const body = !isRead && isKnown ? await readBody() : '';
    return line.call('own', { method, path, query, authorization, body, isKnown, isDraining });
  };
  return { answer, mcp };
}
