/** The file of `--pipelines`: which pipelines may sign in with the token that their own system gives them, and as what (docs/decisions/0023-sign-in.md). */
import * as z from 'zod';
import { StoaError } from './error.js';
import { isSecureIssuer } from './issuer-url.js';
import { defineKind } from './kind.js';
import { resourceName } from './name.js';
import { parseOneDocument } from './one-document.js';

const word = z.string().min(1).max(1000);

/** Without one of these a rule would be for every project of the system: a branch called main is in all of them. */
const NAMES_PROJECT = ['sub', 'repository', 'repository_id', 'project_path', 'project_id', 'ci_config_ref_uri'];

const rule = z
  .strictObject({
    issuer: z.string().refine(isSecureIssuer, 'It is an https address; only on loopback may it be http.'),
    audience: word,
    claims: z
      .record(word, z.union([word, z.array(word).min(1)]))
      .refine(
        (claims) => NAMES_PROJECT.some((name) => Object.hasOwn(claims, name)),
        `One of them says which project it is: ${NAMES_PROJECT.join(', ')}.`,
      ),
    role: z.enum(['cpi-admin', 'tenant-admin', 'devops', 'viewer']),
    tenant: resourceName.optional(),
  })
  .refine(({ role, tenant }) => (role === 'cpi-admin') === (tenant === undefined), {
    message: 'A cpi-admin has no tenant, and every other role has one.',
    path: ['tenant'],
  });

const file = z.strictObject({ pipelines: z.array(rule).min(1, 'At least one rule is needed.') });

/** A pipeline that is let in: every claim is, to the letter, this text or one of these. */
export type PipelineRule = z.output<typeof rule>;

/** The definition lends the checks of a kind's spec to the file. */
const definition = defineKind({
  kind: 'pipelines',
  plural: '',
  scope: 'global',
  summary: 'The file of --pipelines',
  spec: file,
  example: {},
});

/** Reads the text of the file, YAML or JSON. Throws `usage_error` that says all that is wrong, and where; `name` is what it calls the file. */
export function parsePipelines(text: string, name: string): readonly PipelineRule[] {
  const { value, diagnostics } = parseOneDocument(definition, text, name);
  // What is given is what the definition's schema has parsed.
  if (diagnostics.length === 0) return (value as z.output<typeof file>).pipelines;
  const findings = diagnostics.map(({ source, path, message }) => [`line ${source?.line ?? 1}`, path, message].filter(Boolean).join(': '));
  throw new StoaError('usage_error', `${name} cannot be used: ${findings.join('\n  ')}`, {
    hint: 'docs/operations.md has an example.',
    diagnostics,
  });
}
