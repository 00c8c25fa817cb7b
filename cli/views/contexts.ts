/** Contexts and settings for a person; no secret is in what is shown. */
import type { ContextList, ContextRow, ShownSetting, ShownSettings, SignedIn } from '../operations/contexts.js';
import { printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const CONTEXT_COLUMNS: readonly Column<ContextRow>[] = [
  { title: '', value: ({ is_current }) => (is_current ? '*' : '') },
  { title: 'name', value: ({ name }) => name },
  { title: 'server', value: ({ server }) => server ?? '' },
  { title: 'client', narrow: 'out', value: ({ client_id }) => client_id ?? '' },
  { title: 'tenant', narrow: 'out', value: ({ tenant }) => tenant ?? '' },
  { title: 'signs in with', narrow: 'out', value: ({ signs_in_with }) => signs_in_with },
];

export function contextsText({ contexts, file }: ContextList, paint: Paint): string {
  if (contexts.length > 0) return tableText(contexts, CONTEXT_COLUMNS, paint);
  return `There are no contexts in ${printable(file)}.\nMake one: stoactl context set local --server http://127.0.0.1:8000\n`;
}

const SETTING_COLUMNS: readonly Column<ShownSetting>[] = [
  { title: 'setting', value: ({ name }) => name },
  { title: 'value', value: ({ value }) => value ?? '-' },
];

export function settingsText({ settings }: ShownSettings, paint: Paint, hasOrigin: boolean): string {
  const origin: Column<ShownSetting> = { title: 'origin', value: ({ origin: from }) => from };
  return tableText(settings, hasOrigin ? [...SETTING_COLUMNS, origin] : SETTING_COLUMNS, paint);
}

export const signedInText = ({ context, server, file, signed_in_with, user }: SignedIn): string =>
  `Signed in to ${printable(server)}${user === null ? '' : ` as ${printable(user)},`} as context ${context}, with the ${signed_in_with} in ${printable(file)}.\n`;
