import { expect, it } from 'vitest';
import type { PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import { Replay } from './replay.js';

const NOTHING = { resources: [], subscriptions: [], credentials: [] };
const OBJECTS: PlannedObjects = { schema_version: 1, current: NOTHING, put: NOTHING, remove: NOTHING };
const REQUESTS: RecordedRequest[] = Array.from({ length: 2000 }, () => ({
  at: 1000,
  method: 'GET',
  path: '/none',
  status: 404,
  client_ip: '198.51.100.7',
}));

it('tells at the next batch that the child takes nothing any more, and why', async () => {
  const refusing = new Replay({});
  const gone = new Replay({});

  const refusal = await refusing.begin({ ...OBJECTS, current: undefined as never }, 0, 2000).catch((error: unknown) => error);
  await gone.begin(OBJECTS, 0, 2000);
  gone.close();

  expect(refusal).toMatchObject({ code: 'internal_error' });
  await expect(refusing.add('a', REQUESTS)).rejects.toMatchObject({ code: 'internal_error' });
  await expect(addUntilRefused(gone)).rejects.toMatchObject({ code: 'service_unavailable' });
}, 30_000);

/** What is on its way when a process ends is sent to nobody. */
async function addUntilRefused(replay: Replay): Promise<void> {
  for (let batch = 0; batch < 1000; batch += 1) await replay.add('a', REQUESTS);
}
