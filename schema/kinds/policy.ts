import * as z from 'zod';
import { set } from '../field.js';
import { defineKind, type KindDefinition } from '../kind.js';
import type { PolicyType } from '../policy-type.js';
import { resourceName } from '../name.js';

const target = z
  .strictObject({
    kind: z.enum(['API', 'Consumer', 'Tenant']).describe('What is governed.'),
    name: resourceName.describe('Name of the API, consumer or tenant.'),
    consumer: resourceName.optional().describe('With an API: only the requests of this consumer.'),
  })
  .refine(({ kind, consumer }) => consumer === undefined || kind === 'API', {
    message: 'Only a target of kind API can be narrowed to a consumer.',
    path: ['consumer'],
  });

export interface PolicyTarget {
  readonly kind: 'API' | 'Consumer' | 'Tenant';
  readonly name: string;
  readonly consumer?: string | undefined;
}

export interface PolicySpec {
  readonly policy_type: string;
  readonly description?: string | undefined;
  readonly config: unknown;
  readonly priority: number;
  readonly enabled: boolean;
  readonly scope: 'api' | 'tenant';
  readonly targets: readonly PolicyTarget[];
}

/** The kind `Policy` for a list of policy types: `config` is checked by its type. The seam where a config's type is erased. */
export function policyKind(types: readonly PolicyType[]): KindDefinition {
  const common = {
    description: z.string().max(2000).optional().describe('What the policy is for.'),
    priority: z.int().min(0).max(10_000).default(100).describe('Of several policies of one type the lowest number rules.'),
    enabled: z.boolean().default(true).describe('Whether the policy is in force.'),
    scope: z
      .enum(['api', 'tenant'])
      .default('tenant')
      .describe('Without targets: tenant governs the whole tenant, api governs nothing until it is bound.'),
    targets: set(target).default([]).describe('What the policy governs; a target is what the REST API calls a binding.'),
  };
  const variants = types.map(({ type, config, summary }) =>
    z.strictObject({ policy_type: z.literal(type).describe(summary), config: config.describe(`Settings of ${type}.`), ...common }),
  );
  const spec = z.discriminatedUnion('policy_type', variants as [(typeof variants)[number], ...typeof variants]) as z.ZodType<PolicySpec>;
  return defineKind<PolicySpec>({
    kind: 'Policy',
    plural: 'policies',
    scope: 'tenant',
    summary: 'A rule that the gateway enforces: rate limit, CORS and others.',
    spec,
    references: ({ targets }) =>
      targets.flatMap(({ kind, name, consumer }, index) => [
        { kind, name, field: `targets.${index}.name` },
        ...(consumer === undefined ? [] : [{ kind: 'Consumer', name: consumer, field: `targets.${index}.consumer` }]),
      ]),
    columns: {
      type: ({ policy_type }) => policy_type,
      priority: ({ priority }) => String(priority),
      targets: ({ targets }) => targets.map(({ kind, name }) => `${kind}/${name}`).join(', '),
    },
    example: { policy_type: types[0]?.type ?? '', config: types[0]?.example ?? {}, targets: [{ kind: 'API', name: 'payments' }] },
  });
}
