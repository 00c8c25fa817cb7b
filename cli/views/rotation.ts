/** The outcome of a key rotation. The one output of stoactl that holds a whole key. */
import type { KeyRotation } from '../operations/rotate-key.js';
import { printable, type Paint } from './paint.js';

/** For a person: the key on a line of its own, and until when the old one works. */
export function rotationText(
  { holder, file, old_key_expires_at, grace_period_hours, new_api_key_prefix }: KeyRotation,
  key: string | undefined,
  paint: Paint,
): string {
  const who = `${holder.kind.toLowerCase()} ${printable(`${holder.tenant}/${holder.name}`)}`;
  const shown =
    key === undefined
      ? [`The new key of ${who} (${new_api_key_prefix}…) is in ${printable(file ?? '')}.`]
      : [`New key of ${who}; it is shown only now:`, '', `  ${paint.bold(key)}`, ''];
  const old =
    old_key_expires_at === null ? 'There was no key before.' : `The old key works until ${old_key_expires_at} (${grace_period_hours}h).`;
  return `${[...shown, old].join('\n')}\n`;
}

/** Document C's answer, with the holder. */
export function rotationJson(rotation: KeyRotation, key: string | undefined): string {
  return `${JSON.stringify({ ...rotation, ...(key === undefined ? {} : { new_api_key: key }) }, null, 2)}\n`;
}
