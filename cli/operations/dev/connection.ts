import { dirname } from 'node:path';
import { productPath } from '../../../gateway/product-path.js';
import { createClient, type Client } from '../../client.js';
import { resolveSettings, type Environment, type GlobalFlags, type Settings } from '../../settings.js';
import { findConfig } from '../config.js';

/** The client of this run, known to the control plane in memory only. */
export const DEV_CLIENT = 'stoactl-dev';

export interface Connection {
  readonly controlUrl: string;
  /** Secret of the client `stoactl-dev` of this run. */
  readonly bootstrapSecret: string;
}

/**
 * The settings that `dev` applies with: project, environment and manifests of the nearest stoa.config.yaml, else of the product's own, and always this
 * machine's control plane, whatever server the configuration names.
 */
export async function devSettings(
  flags: GlobalFlags,
  env: Environment,
  cwd: string,
  { controlUrl, bootstrapSecret }: Connection,
): Promise<Settings> {
  const configFile = (await findConfig(cwd)) ?? (await findConfig(dirname(productPath('stoa.config.yaml'))));
  const settings = resolveSettings({ ...flags, server: controlUrl }, {}, configFile);
  return {
    ...settings,
    authServer: controlUrl,
    realm: env['STOA_REALM'] ?? 'stoa',
    clientId: DEV_CLIENT,
    clientSecret: bootstrapSecret,
    token: undefined,
  };
}

/** A client of this machine's control plane, as `stoactl-dev`. */
export function devClient({ controlUrl, bootstrapSecret }: Connection): Client {
  return createClient({
    server: controlUrl,
    authServer: controlUrl,
    realm: 'stoa',
    clientId: DEV_CLIENT,
    clientSecret: bootstrapSecret,
    token: undefined,
    timeoutMs: undefined,
    now: () => Date.now(),
  });
}
