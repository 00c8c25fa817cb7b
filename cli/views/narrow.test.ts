/** Every table of stoactl on a terminal of 80 columns, made of what the commands answer in their transcripts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Impact } from '../../schema/impact.js';
import { auditText } from './audit.js';
import { contextsText, settingsText } from './contexts.js';
import { servicesText } from './dev-services.js';
import { historyText } from './history.js';
import { impactText } from './impact.js';
import { keysText, staleText } from './keys.js';
import { displayWidth, fitted } from './layout.js';
import { plain, type Paint } from './paint.js';
import { listingText, wideText } from './resources.js';
import { reviewText } from './review.js';
import { subscriptionsText } from './subscriptions.js';
import { tableText } from './table.js';
import { usageText } from './usage.js';

const TRANSCRIPTS = join(import.meta.dirname, '../../test/golden-transcripts');

/** What a command answers with -o json. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what a view takes is what its command answers
function answerOf<T>(command: string): T {
  const text = readFileSync(join(TRANSCRIPTS, command, 'json.txt'), 'utf8');
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as T;
}

const impactGroup = {
  requests: 120,
  tenant: 'acme',
  api: 'payments',
  consumer: 'mobile-app-of-the-tokyo-office',
  status: 429,
  reason: 'rate_limit_exceeded',
  limit: { requests: 100, window_secs: 60 },
  first: '2026-12-01T08:00:00.000Z',
  last: '2026-12-01T08:59:00.000Z',
  paths: [{ method: 'GET', path: '/apis/acme/payments/accounts/4711/transactions', requests: 120 }],
};
const impact: Impact = {
  schema_version: 1,
  since: '2026-12-01T08:00:00.000Z',
  until: '2026-12-01T09:00:00.000Z',
  summary: { requests: 1000, as_recorded: 1000, refused: 120, allowed: 0, moved: 0, undecided: 0, consumers: 1 },
  refused: [impactGroup],
  allowed: [],
  moved: [],
  undecided: [],
  notes: [],
};

const TABLES: readonly (readonly [view: string, command: string, text: (paint: Paint) => string])[] = [
  ['audit', 'audit', (paint) => auditText(answerOf('audit'), paint)],
  ['contexts', 'context list', (paint) => contextsText(answerOf('context-list'), paint)],
  ['contexts', 'context show', (paint) => settingsText(answerOf('context-show'), paint, true)],
  ['dev-services', 'dev ps', (paint) => servicesText(answerOf('dev-ps'), Date.parse('2026-12-01T08:00:00Z'), paint)],
  ['history', 'history', (paint) => historyText(answerOf('history'), paint)],
  ['impact', 'diff --impact', (paint) => impactText(impact, paint)],
  ['keys', 'keys list', (paint) => keysText(answerOf('keys-list'), paint)],
  ['keys', 'keys stale', (paint) => staleText(answerOf('keys-stale'), paint)],
  ['resources', 'get', (paint) => listingText(answerOf('get'), paint)],
  ['resources', 'get -o wide', (paint) => wideText(answerOf('get'), paint)],
  ['review', 'review', (paint) => reviewText(answerOf('review'), paint)],
  ['subscriptions', 'subscriptions list', (paint) => subscriptionsText(answerOf('subscriptions-list'), paint)],
  ['usage', 'usage', (paint) => usageText(answerOf('usage'), paint)],
];

describe('a narrow terminal (CL1)', () => {
  it.each(TABLES)('%s: %s is not wider than 80 columns', (_, __, text) => {
    expect(text(plain)).not.toBe('');

    const lines = fitted(text({ ...plain, columns: 80 }), 80).split('\n');

    expect(lines.filter((line) => displayWidth(line) > 80)).toEqual([]);
  });

  it('is tried for every view with a table', () => {
    const withTable = readdirSync(import.meta.dirname)
      .filter((file) => /(?<!\.test)\.ts$/.test(file) && file !== 'table.ts')
      .filter((file) => /tableText[<(]/.test(readFileSync(join(import.meta.dirname, file), 'utf8')))
      .map((file) => file.replace(/\.ts$/, ''));

    expect(withTable).toEqual([...new Set(TABLES.map(([view]) => view))].sort());
  });

  it('cuts what may be cut, then leaves columns out and names them, then shows a block for each row', () => {
    const rows = [{ name: 'mobile-app-payments', who: '東京モバイルアプリ, tokyo@acme.example', plan: 'enterprise' }];
    const columns = [
      { title: 'name', value: ({ name }: (typeof rows)[0]) => name },
      { title: 'who', narrow: 'cut', value: ({ who }: (typeof rows)[0]) => who },
      { title: 'plan', narrow: 'out', value: ({ plan }: (typeof rows)[0]) => plan },
    ] as const;
    const on = (width: number): string => tableText(rows, columns, { ...plain, columns: width });

    expect([on(80), on(50), on(40), on(20)].join('\n')).toMatchInlineSnapshot(`
      "NAME                 WHO                                     PLAN
      mobile-app-payments  東京モバイルアプリ, tokyo@acme.example  enterprise

      NAME                 WHO                PLAN
      mobile-app-payments  東京モバイルアプ…  enterprise

      NAME                 WHO
      mobile-app-payments  東京モバイルアプリ…
      # not shown for lack of room: plan

      name  mobile-app-payments
      who   東京モバイルアプリ, tokyo@acme.example
      plan  enterprise
      "
    `);
  });
});
