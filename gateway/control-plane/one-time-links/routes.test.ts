import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { forgetLinks } from './service.js';

let control: TestControlPlane;
beforeAll(async () => {
  control = await openControlPlane();
  await control.send('POST /v1/tenants', { name: 'acme' });
});
afterAll(() => control.close());

const CIPHERTEXT = 'Q2FuYXJ5';
const create = (body: object = {}) => control.send('POST /v1/tenants/acme/one-time-links', { ciphertext: CIPHERTEXT, ...body });
const open = (path: string) => control.send(`POST ${path}/open`, undefined, { token: null });

describe('a one-time link (CN8)', () => {
  it('gives its ciphertext to the first who asks, without a token, and never again', async () => {
    const { status, body } = await create();

    const first = await open(body.path);
    const second = await open(body.path);

    expect(status).toBe(201);
    expect(body.path).toMatch(/^\/link\/[A-Za-z0-9_-]{22}$/);
    expect(first).toMatchObject({ status: 200, body: { ciphertext: CIPHERTEXT } });
    expect(first.headers['cache-control']).toBe('no-store');
    expect(second).toMatchObject({ status: 410, body: { error: { code: 'gone', hint: expect.stringContaining('rotated') } } });
  });

  it('is opened once however many ask at the same time', async () => {
    const { body } = await create();

    const answers = await Promise.all(Array.from({ length: 12 }, () => open(body.path)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(11);
  });

  it('is not used up by whoever merely looks at its page', async () => {
    const { body } = await create();

    const page = await control.send(`GET ${body.path}`, undefined, { token: null });

    expect([page.status, page.text.includes(CIPHERTEXT)]).toEqual([200, false]);
    expect((await open(body.path)).status).toBe(200);
  });

  it('leaves in the audit log who made it and that it was opened, and neither address nor content', async () => {
    const { body } = await create();
    await open(body.path);

    const { body: audit, text } = await control.send('GET /v1/audit/acme?limit=2');

    expect(audit.logs.map(({ action }: { action: string }) => action)).toEqual(['one_time_link.opened', 'one_time_link.created']);
    expect(text).not.toContain(body.path.slice('/link/'.length));
    expect(text).not.toContain(CIPHERTEXT);
  });

  it.each([
    { ciphertext: 'not base64!' },
    { ciphertext: 'a'.repeat(4097) },
    { expires_in_hours: 0 },
    { expires_in_hours: 169 },
    { key: 'x' },
  ])('cannot be made of %j', async (body) => {
    expect((await create(body)).status).toBe(400);
  });

  it('cannot be guessed', async () => {
    expect((await open('/link/AAAAAAAAAAAAAAAAAAAAAA')).status).toBe(404);
  });

  it('ends with its tenant', async () => {
    await control.send('POST /v1/tenants', { name: 'brief' });
    const { body } = await control.send('POST /v1/tenants/brief/one-time-links', { ciphertext: CIPHERTEXT });

    await control.send('DELETE /v1/tenants/brief');

    expect((await open(body.path)).status).toBe(404);
  });

  it('ends with its time, and is then forgotten by and by', async () => {
    const { body } = await create({ expires_in_hours: 2 });
    control.advance(2 * 3_600_000);

    expect(await open(body.path)).toMatchObject({
      status: 410,
      body: { error: { message: `The link was good until ${body.expires_at}.` } },
    });
    await forgetLinks(control.cp);
    expect((await control.cp.db.selectFrom('one_time_links').select('ciphertext').execute()).every((row) => row.ciphertext === null)).toBe(
      true,
    );
    control.advance(31 * 86_400_000);
    await forgetLinks(control.cp);
    expect((await open(body.path)).status).toBe(404);
  });
});
