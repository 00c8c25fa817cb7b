/** deploy/compose/docker-compose.yml as an engine reads it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { ContainerSpec } from './containers.js';
import { ROOT } from './stack.js';

export const COMPOSE = path.join(ROOT, 'deploy/compose');

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly ports: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt: readonly string[];
  readonly profiles?: readonly string[];
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly networks?: { readonly default: { readonly aliases: readonly string[] } };
  readonly healthcheck: { readonly test: readonly string[] };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

/** The file with its variables filled in, after it was parsed, as an engine does it: from `env`, else with their defaults. */
export function readCompose(env: Readonly<Record<string, string>> = {}): ComposeFile {
  const text = readFileSync(path.join(COMPOSE, 'docker-compose.yml'), 'utf8');
  const fill = (value: string): string =>
    value.replaceAll(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, fallback = '') => (env[name] ?? '') || fallback);
  return JSON.parse(JSON.stringify(parse(text, { merge: true })), (_, value: unknown) =>
    typeof value === 'string' ? fill(value) : value,
  ) as ComposeFile;
}

/** Assignments of .env.example. */
export const readEnvExample = (): Record<string, string> =>
  Object.fromEntries(
    [...readFileSync(path.join(COMPOSE, '.env.example'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );

/** A service of ours as a container; `secretOf` gives the text of a secret. */
export function containerOf({ services }: ComposeFile, name: string, secretOf: (name: string) => string): ContainerSpec {
  const service = services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}.`);
  return {
    name,
    command: service.command ?? [],
    environment: service.environment ?? {},
    user: Number(service.user?.split(':')[0]),
    files: Object.fromEntries((service.secrets ?? []).map((secret) => [`/run/secrets/${secret}`, secretOf(secret)])),
    writable: [...(service.tmpfs ?? []), ...(service.volumes ?? []).map((volume) => volume.split(':')[1] ?? '')],
  };
}
