/** Lists of API keys for a person. */
import type { KeyEntry, KeyListing, StaleKeys } from '../operations/keys.js';
import { printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const day = (at: string | null): string => at?.slice(0, 10) ?? '';

/** When it ended or will: by revocation, else by whatever comes first. */
const endOf = ({ revoked_at, expires_at, grace_until }: KeyEntry): string | null =>
  revoked_at ?? [expires_at, grace_until].filter((end) => end !== null).sort()[0] ?? null;

const COLUMNS: readonly Column<KeyEntry>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'prefix', narrow: 'out', value: ({ prefix }) => `${prefix}…` },
  { title: 'tenant', value: ({ tenant_id }) => tenant_id },
  { title: 'subscription', value: ({ subscription }) => subscription },
  { title: 'consumer', narrow: 'out', value: ({ consumer }) => consumer ?? '' },
  {
    title: 'status',
    value: ({ status, subscription_status }) => (subscription_status === 'active' ? status : `${status} (${subscription_status})`),
  },
  { title: 'age', value: ({ age_days }) => `${age_days}d` },
  { title: 'last used', narrow: 'out', value: ({ last_used_at }) => day(last_used_at) || 'never' },
  { title: 'ends', value: (key) => day(endOf(key)) },
];

/** A table, or a word that there is nothing. */
export function keysText({ keys }: KeyListing, paint: Paint): string {
  return keys.length === 0 ? 'There are no keys.\n' : tableText(keys, COLUMNS, paint);
}

/** The table and what to do about each. */
export function staleText({ keys, older_than }: StaleKeys, paint: Paint): string {
  if (keys.length === 0) return `No active key is older than ${older_than}.\n`;
  const commands = [
    ...new Set(
      keys.map(({ tenant_id, subscription }) => `  stoactl rotate-key ${printable(`${tenant_id}/${subscription}`)} --scenario compliance`),
    ),
  ];
  return `${tableText(keys, COLUMNS, paint)}\n${keys.length === 1 ? '1 key is' : `${keys.length} keys are`} older than ${older_than}. To rotate:\n${commands.join('\n')}\n`;
}

/** One id a line. */
export const keyIds = ({ keys }: KeyListing): string => keys.map(({ id }) => `${id}\n`).join('');
