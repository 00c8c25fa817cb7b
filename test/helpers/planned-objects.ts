/** Resources as the preview of a change gives them to a replay. */
import type { PlannedObjects } from '../../schema/impact.js';
import type { Json } from '../../schema/kind.js';

type Resource = PlannedObjects['put']['resources'][number];

/** One of tenant `acme`. */
export const resource = (kind: string, name: string, spec: Record<string, Json> = {}): Resource => ({
  id: `${kind}-${name}`,
  kind,
  tenant: 'acme',
  name,
  labels: {},
  annotations: {},
  spec,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
});
