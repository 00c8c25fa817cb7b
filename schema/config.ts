/** `stoa.config.yaml` at the root of a repository: what belongs to it, and where it is applied. */
import * as z from 'zod';
import type { SpecFinding } from './check-spec.js';
import { suggest } from './did-you-mean.js';
import type { Diagnostic } from './error.js';
import { defineKind } from './kind.js';
import { resourceName } from './name.js';
import { parseOneDocument, placed } from './one-document.js';
import { quoted } from './shown.js';

const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'An address is written as https://api.example.com.');
const globs = z.array(z.string().min(1)).describe('Files, directories or globs, relative to this file.');
const count = z
  .union([z.int().min(0), z.string().regex(/^[0-9]{1,3}%$/, 'A share is written as 10%.')])
  .describe('Most deletes of one apply: a count, or a share of what the project owns such as 10%.');

const environment = z.strictObject({
  server: httpUrl.optional().describe('Address of the control plane.'),
  auth_server: httpUrl.optional().describe('Address of the token issuer; that of the control plane when absent.'),
  gateway: httpUrl.optional().describe('Address of the gateway.'),
  tenant: resourceName.optional().describe('The only tenant that this environment may touch.'),
  variables: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('Values of ${env:NAME} where the environment of the process has none. Never secrets.'),
  overlay: z.string().min(1).optional().describe('Directory of manifests that are merged over the others.'),
  manifests: globs.optional().describe('Manifests of this environment in place of those above.'),
  tests: globs.optional().describe('Test files of this environment in place of those above.'),
});

export const stoaConfig = z.strictObject({
  project: resourceName.optional().describe('Owner of what this repository applies.'),
  manifests: globs.optional().describe('Manifests of this repository.'),
  tests: globs.optional().describe('Test files of "stoactl test"; tests/*.yaml when absent.'),
  default_environment: z.string().min(1).optional().describe('The environment that is meant when none is named.'),
  environments: z.record(resourceName, environment).optional().describe('Where the manifests are applied, by name.'),
  lint: z
    .record(z.string().regex(/^[a-z_]+$/), z.enum(['off', 'warning', 'error']))
    .optional()
    .describe('How warnings count, by rule: off, warning or error. Errors stay errors.'),
  guards: z.strictObject({ max_deletes: count.optional() }).optional().describe('What stops an apply.'),
});

export type StoaConfig = z.infer<typeof stoaConfig>;

/** The definition lends the checks of a kind's spec to the configuration. */
const definition = defineKind({
  kind: 'stoa.config.yaml',
  plural: '',
  scope: 'global',
  summary: 'The configuration',
  spec: stoaConfig,
  example: {},
});

/** The configuration, or every finding with its place. Never throws. An empty file is an empty configuration. */
export function parseConfig(text: string, file: string): { config?: StoaConfig; diagnostics: Diagnostic[] } {
  const { value, diagnostics, place } = parseOneDocument(definition, text, file);
  // What is given is what the definition's schema has parsed.
  const config = value as StoaConfig | undefined;
  const all = config === undefined ? diagnostics : checkDefault(config).map((finding) => placed(finding, place));
  return { ...(config === undefined || all.length > 0 ? {} : { config }), diagnostics: [...all] };
}

/** The default environment is one of those that are there. */
function checkDefault({ default_environment: name, environments = {} }: StoaConfig): SpecFinding[] {
  if (name === undefined || Object.hasOwn(environments, name)) return [];
  const nearest = suggest(name, Object.keys(environments));
  const message = `The default environment ${quoted(name)} is not among the environments.`;
  const hint = nearest === undefined ? 'Declare it under "environments".' : `Did you mean "${nearest}"?`;
  return [{ severity: 'error', code: 'missing_reference', message, hint, path: ['default_environment'], part: 'value' }];
}
