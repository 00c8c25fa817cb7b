/** A repository that works at once: configuration, manifests, the schema for editors. Nothing that is there is touched. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { API_VERSION } from '../../schema/manifest.js';
import { StoaError } from '../../schema/error.js';
import { toResourceName } from '../../schema/name.js';
import type { Resource } from '../../schema/resource.js';
import { editorSchema } from './editor-schema.js';
import { toYaml } from './manifest.js';

export interface InitOptions {
  /** Made when it is not there. */
  readonly directory: string;
  /** Project and tenant; made of the directory's name when absent. */
  readonly name: string | undefined;
  /** APIs to begin with; an example when absent. */
  readonly apis?: readonly Resource[] | undefined;
}

export interface Initialised {
  readonly schema_version: 1;
  readonly directory: string;
  readonly project: string;
  readonly files: readonly string[];
}

const SCHEMA = 'manifest.schema.json';

/** The name of project and tenant. Throws `usage_error` for one that is no label. */
export function projectName(directory: string, name: string | undefined): string {
  const wanted = name ?? path.basename(path.resolve(directory));
  const label = toResourceName(wanted);
  if (label !== undefined && (name === undefined || label === name)) return label;
  throw new StoaError('usage_error', `"${wanted}" cannot be a name: lower-case letters, digits and hyphens are.`, {
    hint: label === undefined ? 'Give one with --name.' : `Try --name ${label}.`,
  });
}

/** Writes the files. Throws `conflict`, and writes nothing, when one of them is there. */
export function initRepository({ directory, name, apis }: InitOptions): Initialised {
  const project = projectName(directory, name);
  const files = filesOf(project, apis);
  const taken = [...files.keys()].filter((file) => existsSync(path.join(directory, file)));
  if (taken.length > 0) {
    throw new StoaError('conflict', `Already there: ${taken.join(', ')}.`, {
      hint: 'Nothing was written. Choose another directory, or move them away.',
    });
  }
  for (const [file, text] of files) {
    const at = path.join(directory, file);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text, { flag: 'wx' });
  }
  return { schema_version: 1, directory, project, files: [...files.keys()] };
}

function filesOf(project: string, apis: readonly Resource[] | undefined): ReadonlyMap<string, string> {
  const first = apis?.[0]?.name ?? 'hello';
  const line = `# yaml-language-server: $schema=../${SCHEMA}\n`;
  return new Map([
    ['stoa.config.yaml', configText(project)],
    ['manifests/tenant.yaml', line + manifest('Tenant', { name: project }, ['tier: starter'])],
    ['manifests/apis.yaml', line + (apis === undefined ? exampleApi(project) : toYaml(apis))],
    ['manifests/consumers.yaml', `${line}${consumer(project)}---\n${subscription(project, first)}`],
    ['manifests/policies.yaml', line + policy(project, first)],
    [SCHEMA, `${JSON.stringify(editorSchema(undefined), null, 2)}\n`],
    ['.gitignore', '# The data of stoactl dev: a database and its keys.\n.stoa/\n'],
  ]);
}

const manifest = (kind: string, metadata: Readonly<Record<string, string>>, spec: readonly string[]): string =>
  [
    `apiVersion: ${API_VERSION}`,
    `kind: ${kind}`,
    'metadata:',
    ...Object.entries(metadata).map(([key, value]) => `  ${key}: ${value}`),
    'spec:',
    ...spec.map((line) => `  ${line}`),
    '',
  ].join('\n');

const configText = (project: string): string => `project: ${project}
manifests: [manifests/*.yaml]
default_environment: local
environments:
  # stoactl dev
  local:
    server: http://127.0.0.1:8000
    gateway: http://127.0.0.1:3001
guards:
  # An apply that would delete more is refused.
  max_deletes: 10
`;

const exampleApi = (tenant: string): string =>
  `# stoactl dev sets STOA_ECHO_URL to an upstream that echoes what it is asked. Put the address of your API here.\n${manifest(
    'API',
    { name: 'hello', tenant },
    ['description: Says hello.', 'path: /hello', 'upstream_url: ${env:STOA_ECHO_URL:-http://127.0.0.1:3999}'],
  )}`;
const consumer = (tenant: string): string => manifest('Consumer', { name: 'first-app', tenant }, ['email: dev@example.com']);
const subscription = (tenant: string, api: string): string =>
  `# Its key is made by: stoactl rotate-key ${tenant}/first-app\n${manifest('Subscription', { name: 'first-app', tenant }, [`api: ${api}`, 'consumer: first-app'])}`;
const policy = (tenant: string, api: string): string =>
  manifest('Policy', { name: 'limit', tenant }, [
    'policy_type: rate_limit',
    'config:',
    '  requests_per_minute: 100',
    'description: 100 requests a minute for each consumer.',
    'targets:',
    '  - kind: API',
    `    name: ${api}`,
  ]);
