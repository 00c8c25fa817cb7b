/** Where the user's configuration is. Apart from what reads it, so that a command without one loads nothing for it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/stoa/config.yaml`, by default in `~/.config`; undefined where there is no home directory. */
export function userConfigPath(env: Environment): string | undefined {
  const home = env['HOME'] ?? env['USERPROFILE'];
  const own = env['XDG_CONFIG_HOME'] ?? '';
  const base = own !== '' ? own : home === undefined ? undefined : join(home, '.config');
  return base === undefined ? undefined : join(base, 'stoa', 'config.yaml');
}

/** Whether there is a configuration to read. */
export function hasUserConfig(env: Environment): boolean {
  const path = userConfigPath(env);
  return path !== undefined && existsSync(path);
}
