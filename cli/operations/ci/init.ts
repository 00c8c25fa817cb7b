/** Pipelines for a repository of manifests. The files of examples/gitops are what is written, with the names of this repository in them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { productPath } from '../../../gateway/product-path.js';
import { StoaError } from '../../../schema/error.js';
import type { ConfigFile } from '../../settings.js';
import { findFiles } from '../files.js';

export interface CiInit {
  readonly schema_version: 1;
  readonly system: CiSystem;
  readonly files: readonly string[];
  /** What the manifests read from the environment, and what the pipelines themselves need. */
  readonly variables: readonly string[];
  readonly secrets: readonly string[];
  /** With `--oidc`: what the operator of the control plane puts into the file of --pipelines. */
  readonly pipelines?: string;
}

export type CiSystem = 'github' | 'gitlab';

const SOURCE = 'examples/gitops';
const FILES = {
  github: ['.github/workflows/stoa.yml', '.github/workflows/stoa-drift.yml', '.github/workflows/stoa-rotate.yml'],
  gitlab: ['.gitlab-ci.yml'],
} as const satisfies Record<CiSystem, readonly string[]>;
/** Of the example: its subscription, where the new key goes, and the one variable of its manifests. */
const EXAMPLE = { subscription: 'northwind/web-shop-orders', key: 'WEB_SHOP_ORDERS_API_KEY', variable: 'ORDERS_URL' };
const VARIABLES = ['STOACTL_PACKAGE', 'STOA_API_URL', 'STOA_AUTH_URL', 'STOA_CLIENT_ID'];
const SECRETS = ['STOA_CLIENT_SECRET'];
/** What a pipeline with tokens of its own does without. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['STOA_AUTH_URL', 'STOA_CLIENT_ID']);

export interface CiChoice {
  /** Subscription whose key is rotated. */
  readonly rotated: string | undefined;
  /** Whether the pipelines sign in with the tokens of their own system, in place of a secret. */
  readonly hasOidc: boolean;
}

/** First what may change things, then what may look. */
const RULES = {
  github: `pipelines:
  - issuer: https://token.actions.githubusercontent.com
    audience: STOA_API_URL
    claims: { repository: OWNER/REPOSITORY, ref: refs/heads/main, environment: production }
    role: devops
    tenant: TENANT
  - issuer: https://token.actions.githubusercontent.com
    audience: STOA_API_URL
    claims: { repository: OWNER/REPOSITORY }
    role: viewer
    tenant: TENANT
`,
  gitlab: `pipelines:
  - issuer: https://gitlab.com
    audience: STOA_API_URL
    claims: { project_path: GROUP/PROJECT, ref: main, ref_type: branch, ref_protected: 'true' }
    role: devops
    tenant: TENANT
  - issuer: https://gitlab.com
    audience: STOA_API_URL
    claims: { project_path: GROUP/PROJECT }
    role: viewer
    tenant: TENANT
`,
} as const satisfies Record<CiSystem, string>;

/** Writes the pipelines beside stoa.config.yaml. Throws `conflict`, and writes nothing, when one of them is there. */
export function initCi(system: CiSystem, { directory, config }: ConfigFile, { rotated, hasOidc }: CiChoice): CiInit {
  if (rotated !== undefined && !/^[a-z0-9-]+\/[a-z0-9-]+$/.test(rotated))
    throw new StoaError('usage_error', `--rotate: "${rotated}" names no subscription.`, { hint: 'Write it as TENANT/NAME.' });
  const names = namesIn(directory, config);
  const files = new Map(
    FILES[system]
      .filter((file) => rotated !== undefined || !file.includes('rotate'))
      .map((file) => [file, adapted(readFileSync(productPath(path.join(SOURCE, file)), 'utf8'), names, rotated)] as const)
      .map(([file, text]) => [file, hasOidc ? withOwnTokens(system, text) : text]),
  );
  const taken = [...files.keys()].filter((file) => existsSync(path.join(directory, file)));
  if (taken.length > 0)
    throw new StoaError('conflict', `Already there: ${taken.join(', ')}.`, {
      hint: 'Nothing was written. Move them away; what they do beside these pipelines can then be added to the new ones.',
    });
  for (const [file, text] of files) {
    const at = path.join(directory, file);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text, { flag: 'wx' });
  }
  return {
    schema_version: 1,
    system,
    files: [...files.keys()],
    variables: [...VARIABLES.filter((name) => !hasOidc || !OF_CLIENTS.has(name)), ...names.variables.keys()],
    secrets: [...(hasOidc ? [] : SECRETS), ...names.secrets],
    ...(hasOidc ? { pipelines: RULES[system] } : {}),
  };
}

interface Names {
  /** With the default that the manifests give it, where they all give the same. */
  readonly variables: ReadonlyMap<string, string | undefined>;
  readonly secrets: readonly string[];
}

/** What the manifests of all environments read from the environment, and the configuration has no value for. */
function namesIn(directory: string, { manifests = [], environments = {} }: ConfigFile['config']): Names {
  const all = Object.values(environments);
  const globs = [...manifests, ...all.flatMap(({ manifests: own = [], overlay }) => [...own, ...(overlay === undefined ? [] : [overlay])])];
  const texts = findFiles({ paths: globs, base: directory, isRecursive: true }).map((file) => readFileSync(file, 'utf8'));
  const known = new Set(all.flatMap(({ variables = {} }) => Object.keys(variables)));
  const find = (pattern: RegExp): [string, string | undefined][] =>
    texts
      .flatMap((text) => [...text.matchAll(pattern)].map(([, name = '', fallback]): [string, string | undefined] => [name, fallback]))
      .filter(([name]) => !known.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  const secrets = [...new Set(find(/secret_ref:\s*["']?env:([A-Za-z_][A-Za-z0-9_]*)/g).map(([name]) => name))];
  const used = find(/\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}/g).filter(([name]) => !secrets.includes(name));
  const defaults = (name: string): (string | undefined)[] => [...new Set(used.filter(([other]) => other === name).map(([, text]) => text))];
  return { secrets, variables: new Map(used.map(([name]) => [name, defaults(name).length > 1 ? undefined : defaults(name)[0]])) };
}

/** A line of `env`. A variable that is not set is an empty one in GitHub's pipelines, which would take the place of the default. */
function variableLine(name: string, fallback: string | undefined): string {
  if (fallback === undefined || fallback === '') return `  ${name}: \${{ vars.${name} }}\n`;
  const value = `\${{ vars.${name} || '${fallback.replaceAll("'", "''")}' }}`;
  return `  ${name}: ${/^[\w./:@%+,=-]+$/.test(fallback) ? value : JSON.stringify(value)}\n`;
}

/** A pipeline of the example with the names of another repository. */
function adapted(text: string, { variables, secrets }: Names, rotated: string | undefined): string {
  const lines = [
    ...[...variables].map(([name, fallback]) => variableLine(name, fallback)),
    ...secrets.map((name) => `  ${name}: \${{ secrets.${name} }}\n`),
  ];
  const listed = [...variables.keys(), ...secrets.map((name) => `${name} (masked)`)].map((name) => `, ${name}`).join('');
  const named = text
    .replace(new RegExp(`^ {2}${EXAMPLE.variable}: .*\n`, 'm'), () => lines.join(''))
    .replace(`, ${EXAMPLE.variable}.`, () => `${listed}.`);
  if (rotated === undefined) return named.replace(/, STOA_JOB=rotate every quarter/, '').replace(/\nrotate:\n[^]*$/, '');
  return named.replaceAll(EXAMPLE.subscription, rotated).replaceAll(EXAMPLE.key, keyVariable(rotated));
}

/** The same pipeline with a token that its own system makes for it, and no secret. */
function withOwnTokens(system: CiSystem, text: string): string {
  if (system === 'gitlab')
    return text
      .replace(', STOA_AUTH_URL, STOA_CLIENT_ID, STOA_CLIENT_SECRET (masked, protected)', '')
      .replace(
        '.stoactl:\n',
        '.stoactl:\n  # A token for this control plane alone, which the file of its --pipelines lets in.\n  id_tokens:\n    STOA_TOKEN:\n      aud: $STOA_API_URL\n',
      );
  return text
    .replace(/^ {2}STOA_(?:AUTH_URL|CLIENT_ID|CLIENT_SECRET): .*\n/gm, '')
    .replace(/^ {6}pull-requests: write\n/m, '      pull-requests: write\n      id-token: write\n')
    .replace(/^( {4}runs-on: .*\n)(?! {4}permissions:)/gm, '$1    permissions:\n      contents: read\n      id-token: write\n');
}

/** `acme/mobile-app` is kept as MOBILE_APP_API_KEY. */
const keyVariable = (subscription: string): string =>
  `${subscription
    .replace(/^.*\//, '')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()}_API_KEY`;
