/** Work that holds the database and much memory: one at a time, a few in line. */
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane } from '../context.js';

const MAX_WAITING = 8;

interface Line {
  waiting: number;
  last: Promise<unknown>;
}

const lines = new WeakMap<ControlPlane, Line>();

/** Does the work when what came before it is done, however that ended. Throws `service_unavailable` when too many wait already, and what the work throws. */
export async function oneAtATime<Result>(cp: ControlPlane, work: () => Promise<Result>): Promise<Result> {
  const line = lines.get(cp) ?? { waiting: 0, last: Promise.resolve() };
  lines.set(cp, line);
  if (line.waiting > MAX_WAITING)
    throw new StoaError('service_unavailable', 'Too many previews of changes are waiting for each other.', { hint: 'Try again in 30 s.' });
  line.waiting += 1;
  const result = line.last.then(work);
  line.last = result.catch(() => undefined);
  try {
    return await result;
  } finally {
    line.waiting -= 1;
  }
}
