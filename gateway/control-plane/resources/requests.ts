/** Bodies of plan and apply. Resources are looked at in depth by the check, which names every finding by resource. */
import * as z from 'zod';
import type { ApplyRequest } from '../../../schema/change.js';

const word = z.string().min(1).max(200);
const texts = z.record(z.string().max(200), z.string().max(10_000));

const key = { kind: word, tenant: word, name: word };

const resource = z.strictObject({
  ...key,
  labels: texts.default({}),
  annotations: texts.default({}),
  spec: z.record(z.string(), z.unknown()),
});

const planFields = {
  project: word.regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'A project is named by letters, digits, dots, slashes, underscores and hyphens.'),
  resources: z.array(resource).max(200_000),
  delete: z.array(z.strictObject(key)).max(200_000).optional(),
  secrets: z.record(z.string(), z.record(z.string(), z.string().max(65_536))).optional(),
  prune: z.boolean().optional(),
  take_ownership: z.boolean().optional(),
  max_deletes: z
    .string()
    .regex(/^\d{1,9}%?$/, 'Give a count such as "5" or a share such as "10%".')
    .optional(),
  with_digests: z.boolean().optional(),
  expect: z
    .array(
      z.strictObject({
        ...key,
        action: z.enum(['create', 'update', 'delete']),
        version: z.int().min(0),
        dependents: z.array(z.string().max(300)).max(200_000).optional(),
        digest: z.string().max(100).optional(),
      }),
    )
    .max(400_000)
    .optional(),
};

export const planBody = z.strictObject(planFields) as unknown as z.ZodType<ApplyRequest>;

export const applyBody = z.strictObject({
  ...planFields,
  source: z.strictObject({ commit: z.string().max(200).optional(), ci_run: z.string().max(2000).optional() }).optional(),
}) as unknown as z.ZodType<ApplyRequest>;
