import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { auditDetails, changedValues } from './details.js';
import { exportAudit } from './export.js';
import { forgetAudit } from './retention.js';
import { countAudit, insertEvents } from './store.js';

const DAY_MS = 24 * 3_600_000;
const NO_EVENT = { resource: 'payments', resource_key: null, consumer: null, path: null, status: 429, request_id: null };
const NO_SOURCE = { source: 'gateway', project: null, git_commit: null, ci_run: null };

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

const add = (count: number, fields: { user?: string; daysAgo?: number; details?: string; prefix?: string } = {}) => {
  const { user = 'app', daysAgo = 0, details = '{}', prefix = 'e' } = fields;
  const created_at = new Date(server.cp.now() - daysAgo * DAY_MS).toISOString();
  const type = { tenant: 'acme', action: 'rate_limit_exceeded', event_type: 'rate_limit_exceeded' };
  const row = { ...type, ...NO_EVENT, ...NO_SOURCE, user, details, created_at };
  const rows = Array.from({ length: count }, (_value, index) => ({ ...row, event_id: `${prefix}-${index}` }));
  return server.cp.db.transaction().execute((trx) => insertEvents(trx, rows));
};

describe('the export of the audit log (AU4)', () => {
  it('is CSV that an independent parser reads, without formulas', async () => {
    const users = ['=1+1', '+1', '-1', '@x', '\tx', '\rx', 'a "b", c\r\nd'];
    for (const [index, user] of users.entries()) await add(1, { user, prefix: `u${index}` });

    const { status, headers, text } = await server.plane.send('GET /v1/audit/acme/export?format=csv&event_type=rate_limit_exceeded');
    const rows = parse(text, { columns: true, record_delimiter: '\r\n' });

    expect(status).toBe(200);
    expect(headers['content-disposition']).toBe('attachment; filename="audit-acme-2026-02-13.csv"');
    expect(rows.map((row) => (row as { user: string }).user).reverse()).toEqual([...users.slice(0, 6).map((user) => `'${user}`), users[6]]);
  });

  it('has each entry once, also of one instant, over many pages and at both addresses', async () => {
    await add(1001);

    for (const address of ['/v1/audit/acme/export', '/v1/tenants/acme/logs/export']) {
      const { text } = await server.plane.send(`GET ${address}?event_type=rate_limit_exceeded`);
      const ids = text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id);
      expect([ids.length, new Set(ids).size]).toEqual([1001, 1001]);
    }
  });

  it('neither doubles nor skips when entries are written meanwhile', async () => {
    await add(450, { daysAgo: 1 });
    const pieces: string[] = [];
    for await (const piece of exportAudit(server.cp.db, { tenant: 'acme', event_type: 'rate_limit_exceeded' }, 'jsonl')) {
      pieces.push(piece);
      await add(10, { prefix: `new${pieces.length}` });
      await add(10, { prefix: `old${pieces.length}`, daysAgo: 2 });
    }
    const ids = pieces
      .join('')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id);

    expect([ids.length, new Set(ids).size]).toEqual([450, 450]);
  });

  it('reads no further when its client leaves, and breaks off when it fails', async () => {
    await add(6000, { details: JSON.stringify({ text: 'x'.repeat(5000) }) });
    await server.plane.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.plane.app.server.address() as AddressInfo;
    const open = async (): Promise<IncomingMessage> => {
      const headers = { authorization: `Bearer ${server.plane.token}` };
      const request = get({ port, host: '127.0.0.1', path: '/v1/audit/acme/export', headers, agent: false });
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      return answer;
    };

    const left = await open();
    await once(left, 'data');
    left.destroy();
    await expect
      .poll(() => new Promise<number>((resolve) => server.plane.app.server.getConnections((_error, count) => resolve(count))))
      .toBe(0);

    const failing = await open();
    await once(failing, 'readable');
    await server.cp.db.schema.alterTable('audit_log').renameTo('audit_away').execute();
    const end = await new Promise<string>((resolve) => {
      failing.once('end', () => resolve('a clean end')).once('error', () => resolve('an error'));
      failing.resume();
    });
    await server.cp.db.schema.alterTable('audit_away').renameTo('audit_log').execute();
    expect(end).toBe('an error');
  });
});

describe('what an entry tells (AU5)', () => {
  it('is bounded, and says what was cut', () => {
    const { after, cut = [] } = changedValues([
      { path: 'spec.long', after: 'x'.repeat(5000) },
      ...Array.from({ length: 500 }, (_value, index) => ({ path: `spec.f${index}`, after: 'y'.repeat(100) })),
    ]);

    expect(JSON.stringify(after).length).toBeLessThan(10_000);
    expect(cut).toContain('spec.long');
  });

  it('holds no secret: not by name, not as an object, not in an address', () => {
    const stored = auditDetails({
      after: {
        'spec.client_secret': 'hush',
        secrets: { a: 'hush' },
        'spec.upstream_url': 'https://me:hush@up.example.com',
        'spec.headers.Authorization': 'hush',
      },
    });

    expect(stored).not.toContain('hush');
  });
});

describe('retention', () => {
  it('forgets entries that are older than the log is kept, in batches, and no others', async () => {
    await add(1203, { daysAgo: 366, prefix: 'old' });
    await add(3, { daysAgo: 364 });

    expect(await forgetAudit(server.cp)).toBe(1203);
    expect(await countAudit(server.cp.db, { tenant: 'acme', event_type: 'rate_limit_exceeded' })).toBe(3);
    expect(await forgetAudit({ ...server.cp, auditRetentionDays: 0 })).toBe(0);
  });
});
