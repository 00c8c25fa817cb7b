/** Answers about declared state: what `schema/change.ts` says in types, as schemas. */
import * as z from 'zod';
import { instant } from '../http/answers.js';

const text = (about: string) => z.string().describe(about);
const key = {
  kind: text('Kind, as in manifests.'),
  tenant: text('Name of the tenant; a tenant carries its own.'),
  name: text('Name, unique among resources of the kind in the tenant.'),
};
const touch = z.strictObject({ by: text('Who.'), at: instant('When.') });

const declared = {
  ...key,
  labels: z.record(z.string(), z.string()).describe('Labels of its manifest.'),
  annotations: z.record(z.string(), z.string()).describe('Annotations of its manifest.'),
  spec: z.record(z.string(), z.unknown()).describe('What its kind declares, with defaults.'),
};

/** What a manifest says of a resource: what can be planned and applied again. */
export const declaredResource = z.strictObject(declared);

/** A resource of any kind as the control plane holds it. */
export const storedResource = z.strictObject({
  id: text('Id, made by the control plane; it never changes.'),
  ...declared,
  version: z.int().min(1).describe('Raised by every change.'),
  managed_by: z.string().nullable().describe('Project whose manifests own it; null when it was made over REST.'),
  created_at: instant('When it was made.'),
  updated_at: instant('When it was changed last.'),
  updated_by: text('Who changed it last.'),
  drift: touch.optional().describe('There when something other than its project changed it last.'),
  secret_fields: z.array(z.string()).optional().describe('Fields whose secret is held here, and for which no manifest has a reference.'),
});

const change = z.strictObject({
  ...key,
  action: z.enum(['create', 'update', 'delete']).describe('What happens to the resource.'),
  version: z.int().min(0).describe('Version that the change starts from; 0 for a create.'),
  fields: z
    .array(
      z.strictObject({
        path: text('Dotted place: spec.rate_limit.requests_per_minute.'),
        before: z.unknown().optional().describe('Absent when the field was not there.'),
        after: z.unknown().optional().describe('Absent when the field is gone.'),
      }),
    )
    .describe('Changed values; a secret shows only that it changed.'),
  adopted: z.literal(true).optional().describe('Made over REST; it becomes the own one of the project.'),
  taken_from: z.string().optional().describe('Project that it is taken from.'),
  drift: touch.optional().describe('Changed outside of its project since the last apply.'),
  breaking: z.array(z.string()).optional().describe('Why clients may break.'),
  dependents: z.array(z.string()).optional().describe('What goes or breaks with a delete.'),
  digest: z.string().optional().describe('With `with_digests`: keyed digest of what the resource becomes, secrets included.'),
});

const diagnostic = z.strictObject({
  severity: z.enum(['error', 'warning', 'note']).describe('How grave it is.'),
  code: text('Stable id of the rule.'),
  message: text('What is wrong, with the value.'),
  hint: z.string().optional().describe('What to do about it.'),
  path: text('Dotted place in the document.'),
  resource: z.string().optional().describe('Resource that it is about.'),
  source: z
    .strictObject({ file: text('File.'), line: z.int().describe('Line, from 1.'), column: z.int().describe('Column, from 1.') })
    .optional()
    .describe('Place in a file.'),
});

const count = (about: string) => z.int().min(0).describe(about);

/** What an apply would do. */
export const planAnswer = z.strictObject({
  schema_version: z.literal(1).describe('Version of this form.'),
  project: text('The project.'),
  revision: count('Revision of the declared state that the plan was made against.'),
  changes: z.array(change).describe('Changes in reading order; deletes last.'),
  summary: z
    .strictObject({
      create: count('Resources to create.'),
      update: count('Resources to change.'),
      delete: count('Resources to delete.'),
      unchanged: count('Resources that stay as they are.'),
    })
    .describe('How many.'),
  refusals: z
    .array(
      z.strictObject({
        code: z.enum(['conflict', 'guard_refused', 'not_found']).describe('Kind of refusal.'),
        resource: z.string().optional().describe('Resource that it is about.'),
        message: text('Why.'),
        hint: text('What to do about it.'),
      }),
    )
    .describe('What stops an apply; empty when the plan can be applied.'),
  diagnostics: z.array(diagnostic).describe('Warnings and notes of the check.'),
});

/** What an apply did. */
export const applyAnswer = z.strictObject({
  schema_version: z.literal(1).describe('Version of this form.'),
  plan: planAnswer.describe('The changes that were made.'),
  revision: count('Revision that the apply made; that of the plan when nothing changed.'),
  applied: z.boolean().describe('False when nothing had to be written.'),
});

const moment = (about: string) => z.int().describe(`${about} Epoch milliseconds.`);

const heldResource = declaredResource.extend({
  id: text('Its id.'),
  created_at: instant('When it was made.'),
  updated_at: instant('When it was changed last.'),
  suspended: z.literal(true).optional().describe('Of a tenant that is suspended.'),
});

const heldSubscription = z.strictObject({
  id: text('Its id.'),
  tenant: text('Name of the tenant.'),
  name: text('Its name.'),
  status: z.enum(['pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected']).describe('Its state.'),
  api: text('Name of the API.'),
  consumer: z.string().optional().describe('Name of the consumer.'),
  plan: z.string().optional().describe('Name of the plan.'),
  rate_limit: z.int().optional().describe('Requests an hour, set at approval.'),
  quota: z.int().optional().describe('Requests a calendar month, set at approval.'),
  expires_at: moment('When it ends by itself.').optional(),
});

const heldKey = z.strictObject({
  id: text('Id of the key; nothing here recognises the key itself.'),
  tenant: text('Name of the tenant.'),
  subscription: text('Id of the subscription.'),
  status: z.enum(['active', 'grace', 'revoked', 'expired']).describe('Its state.'),
  not_before: moment('From when on it is valid.'),
  not_after: moment('Until when it is valid; null without an end.').nullable(),
});

const held = z.strictObject({
  resources: z.array(heldResource).describe('Tenants, APIs, policies, consumers and plans.'),
  subscriptions: z.array(heldSubscription).describe('Subscriptions with their state.'),
  credentials: z.array(heldKey).describe('API keys, without what recognises them.'),
});

const keys = (of: string) => z.array(z.string()).describe(`${of} that gateways would hold no longer.`);

/** The answer of `POST /v1/plan/objects`. */
export const plannedObjectsAnswer = z.strictObject({
  schema_version: z.literal(1).describe('Version of this form.'),
  current: held.describe('What gateways hold now.'),
  put: held.describe('What an apply would add or change of it.'),
  remove: z
    .strictObject({ resources: keys('Kinds and names'), subscriptions: keys('Ids'), credentials: keys('Ids') })
    .describe('What an apply would take away.'),
});
