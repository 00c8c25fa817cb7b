import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { startWebhookWorker } from './worker.js';

const MINUTE_MS = 60_000;

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Status of the next answers; 0 leaves the request without one. */
  status: number;
  readonly server: Server;
}

let control: TestControlPlane;
let api: string;
const receivers: Receiver[] = [];

async function openReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const receiver = { received, status: 200, url: '', server: createServer() };
  receiver.server.on('request', (req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      received.push({ headers: req.headers, body });
      if (receiver.status !== 0) res.writeHead(receiver.status, receiver.status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end();
    });
  });
  receiver.server.listen(0, '127.0.0.1');
  await once(receiver.server, 'listening');
  receiver.url = `http://127.0.0.1:${(receiver.server.address() as AddressInfo).port}/hook`;
  receivers.push(receiver);
  return receiver;
}

beforeEach(async () => {
  control = await openControlPlane();
  await control.send('POST /v1/tenants', { name: 'acme' });
  api = (await control.send('POST /v1/tenants/acme/apis', { name: 'pay', path: '/pay', upstream_url: 'https://pay.example.com' })).body.id;
});
afterEach(async () => {
  for (const { server } of receivers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await control.close();
});

async function drain(): Promise<void> {
  const worker = startWebhookWorker(control.cp);
  await worker.drain();
  await worker.stop();
}

const addWebhook = async (url: string, more: object = {}) =>
  (await control.send('POST /v1/tenants/acme/webhooks', { url, events: ['*'], secret: 'whsec_abc123', ...more })).body as { id: string };

async function subscribe(more: object = {}): Promise<string> {
  return (await control.send('POST /v1/tenants/acme/subscriptions', { api_id: api, plan: 'standard', ...more })).body.id as string;
}

const eventsOf = ({ received }: Receiver): string[] => received.map(({ body }) => (JSON.parse(body) as { type: string }).type);

describe('a webhook', () => {
  it('is told that a subscription without a plan waits, and that one of an apply is approved at once (K2)', async () => {
    const receiver = await openReceiver();
    await addWebhook(receiver.url);
    await subscribe({ plan: undefined });
    const resource = { kind: 'Subscription', tenant: 'acme', name: 'declared', labels: {}, annotations: {}, spec: { api: 'pay' } };
    await control.send('POST /v1/apply', { project: 'shop', resources: [resource] });
    await drain();

    const told = receiver.received.map(({ body }) => JSON.parse(body) as { type: string; data: { status: string } });
    expect(told.map(({ type, data }) => `${type} ${data.status}`).sort()).toEqual([
      'subscription.approved active',
      'subscription.created active',
      'subscription.created pending_approval',
    ]);
  });

  it('is told of every event of a subscription that it asked for, without any key (WH4 WH5)', async () => {
    const all = await openReceiver();
    const some = await openReceiver();
    await addWebhook(all.url);
    await addWebhook(some.url, { events: ['subscription.created', 'subscription.approved'] });
    const id = await subscribe();
    const approved = await control.send(`POST /v1/subscriptions/${id}/approve`);
    const rotated = await control.send(`POST /v1/subscriptions/${id}/rotate-key`);
    await control.send(`POST /v1/subscriptions/${id}/suspend`);
    await control.send(`POST /v1/subscriptions/${id}/revoke`, { reason: 'done' });
    const other = await subscribe();
    await control.send(`POST /v1/subscriptions/${other}/reject`);
    await drain();

    expect(eventsOf(all).sort()).toEqual(
      ['created', 'approved', 'key_rotated', 'suspended', 'revoked', 'created', 'rejected'].map((event) => `subscription.${event}`).sort(),
    );
    expect(eventsOf(some).sort()).toEqual(['subscription.approved', 'subscription.created', 'subscription.created']);
    const sent = JSON.stringify(all.received) + JSON.stringify(some.received);
    for (const secret of [approved.body.api_key, rotated.body.new_api_key, 'whsec_abc123', 'stoa_sk_']) expect(sent).not.toContain(secret);
    const revoked = all.received
      .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
      .find(({ type }) => type === 'subscription.revoked');
    expect(revoked).toMatchObject({ tenant_id: 'acme', data: { subscription_id: id, api: 'pay', status: 'revoked', reason: 'done' } });
  });

  it.each(['whsec_abc123', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'plain secret of ours'])(
    'signs with %s so that others can verify it (WH6)',
    async (secret) => {
      const receiver = await openReceiver();
      await addWebhook(receiver.url, { secret });
      await subscribe();
      await drain();
      const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
      const hex = (text: string) => createHmac('sha256', secret).update(text).digest('hex');
      const [, time = ''] = /^t=(\d+),v1=/.exec(String(headers['x-stoa-signature'])) ?? [];

      expect(headers['x-stoa-signature']).toBe(`t=${time},v1=${hex(`${time}.${body}`)}`);
      expect(headers['x-webhook-signature']).toBe(`sha256=${hex(body)}`);
      const verifier = secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(secret, { format: 'raw' });
      expect(verifier.verify(body, headers as Record<string, string>)).toMatchObject({ type: 'subscription.created' });
      expect(() => verifier.verify(`${body} `, headers as Record<string, string>)).toThrow();
    },
  );

  it('is tried five times, after 1, 5, 15 and 60 minutes, under one id, and then is a dead letter that can be sent again (WH7)', async () => {
    const receiver = await openReceiver();
    receiver.status = 503;
    const { id } = await addWebhook(receiver.url);
    await subscribe();
    await drain();
    for (const minutes of [1, 5, 15, 60]) {
      const before = receiver.received.length;
      control.advance(minutes * MINUTE_MS - 1000);
      await drain();
      expect(receiver.received.length).toBe(before);
      control.advance(minutes * MINUTE_MS * 0.2 + 1001);
      await drain();
      expect(receiver.received.length).toBe(before + 1);
    }
    control.advance(24 * 60 * MINUTE_MS);
    await drain();
    const token = await control.tokenFor('');
    const send = (line: string) => control.send(line, undefined, { token });

    expect(receiver.received).toHaveLength(5);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    const { deliveries } = (await send('GET /v1/tenants/acme/webhook-deliveries?status=dead')).body as { deliveries: { id: string }[] };
    expect(deliveries).toMatchObject([{ tries: 5, last_status: 503, last_error: 'The receiver answered 503.', webhook_id: id }]);

    receiver.status = 204;
    expect((await send(`POST /v1/tenants/acme/webhook-deliveries/${deliveries[0]?.id ?? ''}/resend`)).status).toBe(202);
    await drain();
    expect((await send(`GET /v1/tenants/acme/webhooks/${id}/deliveries`)).body.deliveries).toMatchObject([
      { status: 'delivered', tries: 1, last_status: 204 },
    ]);
  });

  it('can be tried out, and shows what became of it', async () => {
    const receiver = await openReceiver();
    const { id } = await addWebhook(receiver.url, { events: ['subscription.created'] });

    const tried = await control.send(`POST /v1/tenants/acme/webhooks/${id}/test`);
    await drain();

    expect([tried.status, tried.body.event, eventsOf(receiver)]).toEqual([202, 'webhook.test', ['webhook.test']]);
    expect((await control.send(`GET /v1/tenants/acme/webhook-deliveries/${tried.body.id as string}`)).body.status).toBe('delivered');
  });

  it('that hangs or redirects does not hold up others', async () => {
    const hanging = await openReceiver();
    hanging.status = 0;
    const redirecting = await openReceiver();
    redirecting.status = 302;
    const good = await openReceiver();
    for (const { url } of [hanging, redirecting, good]) await addWebhook(url, { events: ['subscription.created'] });
    await subscribe();
    const worker = startWebhookWorker(control.cp);
    void worker.drain();

    await expect.poll(() => good.received.length, { timeout: 5000 }).toBe(1);
    await expect
      .poll(async () =>
        (await control.send('GET /v1/tenants/acme/webhook-deliveries')).body.deliveries.map(
          ({ last_error }: { last_error: string }) => last_error,
        ),
      )
      .toContain('The receiver answered 302.');
    hanging.server.closeAllConnections();
    await worker.stop();
  });

  it('that is gone takes what waits along', async () => {
    const receiver = await openReceiver();
    const { id } = await addWebhook(receiver.url);
    await subscribe();
    await control.send(`DELETE /v1/tenants/acme/webhooks/${id}`);
    await drain();

    expect(receiver.received).toEqual([]);
  });

  it('keeps its deliveries to its tenant', async () => {
    const receiver = await openReceiver();
    const { id } = await addWebhook(receiver.url);
    const { body } = await control.send(`POST /v1/tenants/acme/webhooks/${id}/test`);
    await control.send('POST /v1/tenants', { name: 'globex' });
    const token = await control.tokenFor('tenant:globex');

    for (const line of [
      `GET /v1/tenants/globex/webhook-deliveries/${body.id as string}`,
      `POST /v1/tenants/globex/webhook-deliveries/${body.id as string}/resend`,
      `GET /v1/tenants/acme/webhook-deliveries`,
    ])
      expect([line, (await control.send(line, undefined, { token })).status]).toEqual([line, 404]);
  });
});

describe('the callback of a subscription (SB7)', () => {
  it('is told of approval and revocation, signed with the secret of the tenant, and never given the key', async () => {
    const receiver = await openReceiver();
    await addWebhook('http://127.0.0.1:9/', { events: ['subscription.expired'] });
    const id = await subscribe({ callback_url: receiver.url });
    const { body } = await control.send(`POST /v1/subscriptions/${id}/approve`);
    await control.send(`POST /v1/subscriptions/${id}/revoke`);
    await drain();

    expect(eventsOf(receiver).sort()).toEqual(['subscription.approved', 'subscription.revoked']);
    expect(JSON.stringify(receiver.received)).not.toContain(body.api_key);
    expect(receiver.received[0]?.headers['x-stoa-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  });

  it('is told when the API or the consumer is deleted', async () => {
    const receiver = await openReceiver();
    await subscribe({ callback_url: receiver.url });
    await control.send('DELETE /v1/tenants/acme/apis/pay');
    await drain();

    expect(eventsOf(receiver)).toEqual(['subscription.revoked']);
  });
});

describe('server-side request forgery', () => {
  it.each(['http://169.254.169.254/latest', 'http://[fe80::1]/', 'http://0x7f.1/', 'http://[::ffff:169.254.169.254]/'])(
    'is refused at registration or when it is sent: %s',
    async (url) => {
      const sealed = await openControlPlane();
      Object.defineProperty(sealed.cp, 'allowPrivateWebhooks', { value: false });
      await sealed.send('POST /v1/tenants', { name: 'acme' });
      const made = await sealed.send('POST /v1/tenants/acme/webhooks', { url, events: ['*'] });
      if (made.status === 201) {
        await sealed.send(`POST /v1/tenants/acme/webhooks/${made.body.id as string}/test`);
        const worker = startWebhookWorker(sealed.cp);
        await worker.drain();
        await worker.stop();
        const { body } = await sealed.send('GET /v1/tenants/acme/webhook-deliveries');
        expect(body.deliveries[0]).toMatchObject({
          last_status: null,
          last_error: expect.stringContaining('not an address that is allowed'),
        });
      } else expect(made.status).toBe(400);
      await sealed.close();
    },
  );

  it('is refused at registration, at a change and in an apply, for webhooks and callbacks (security.md 30)', async () => {
    const sealed = await openControlPlane();
    Object.defineProperty(sealed.cp, 'allowPrivateWebhooks', { value: false });
    await sealed.send('POST /v1/tenants', { name: 'acme' });
    await sealed.send('POST /v1/tenants/acme/apis', { name: 'pay', path: '/pay', upstream_url: 'http://127.0.0.1:9' });
    const hook = await sealed.send('POST /v1/tenants/acme/webhooks', { url: 'https://hooks.example.com', events: ['*'] });
    const url = 'http://127.0.0.1:9/hook';
    const spec = { url: 'http://[::1]:9', events: ['*'] };
    const resource = { kind: 'Webhook', tenant: 'acme', name: 'own', spec };

    const answers = [
      await sealed.send('POST /v1/tenants/acme/webhooks', { url, events: ['*'] }),
      await sealed.send(`PATCH /v1/tenants/acme/webhooks/${hook.body.id as string}`, { url: 'http://localhost/' }),
      await sealed.send('POST /v1/subscriptions', { tenant_id: 'acme', api_id: 'pay', callback_url: url }),
      await sealed.send('POST /v1/apply', { project: 'shop', resources: [resource] }),
    ];
    await sealed.close();

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(
      answers.map(({ body }) => (body as { error: { details: { field: string }[] } }).error.details.map(({ field }) => field)),
    ).toEqual([['url'], ['url'], ['callback_url'], ['Webhook acme/own url']]);
  });

  it('does not reach a private address behind a name, where private addresses are not allowed', async () => {
    const receiver = await openReceiver();
    const sealed = await openControlPlane();
    await sealed.send('POST /v1/tenants', { name: 'acme' });
    const { body } = await sealed.send('POST /v1/tenants/acme/webhooks', {
      url: receiver.url.replace('127.0.0.1', 'localhost'),
      events: ['*'],
    });
    Object.defineProperty(sealed.cp, 'allowPrivateWebhooks', { value: false });
    await sealed.send(`POST /v1/tenants/acme/webhooks/${body.id as string}/test`);
    const worker = startWebhookWorker(sealed.cp);
    await worker.drain();
    await worker.stop();

    expect(receiver.received).toEqual([]);
    await sealed.close();
  });
});
