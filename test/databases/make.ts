/**
 * Makes the database of a version of the product: `node --import tsx test/databases/make.ts [CHECKOUT]`, CHECKOUT being built, this one where none is
 * named. To be run before a migration is added, so that `test/databases.test.ts` can hold that what was there is kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { caller } from '../helpers/old-version.js';
import { keepDatabase } from '../helpers/database-fixture.js';
import { startServer } from '../helpers/processes.js';

const SECRET = 'fixture-client-secret';
const root = path.resolve(process.argv[2] ?? '.');
const directory = mkdtempSync(path.join(tmpdir(), 'stoa-database-'));
const upstream = createServer((_req, res) => res.end('{}')).listen(0, '127.0.0.1');
await delay(100);
const upstream_url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;

const controlPlane = await startServer(
  'control-plane',
  ['--data-dir', directory, '--port', '0', '--gateway-url', 'http://127.0.0.1:1', '--allow-private-webhooks'],
  { STOA_CLIENT_SECRET: SECRET },
  { root },
);
const gateway = await startServer(
  'gateway',
  ['--data-dir', directory, '--port', '0', '--control-plane-url', controlPlane.url],
  {},
  { root },
);
const call = caller(controlPlane.url, SECRET);

await call('POST /v1/tenants', { name: 'acme', tier: 'business', admin_email: 'admin@acme.example', region: 'us-east-1' });
const api = await call('POST /v1/tenants/acme/apis', { name: 'payments', upstream_url, path: '/payments', version: 'v1' });
const consumer = await call('POST /v1/consumers/acme', { name: 'mobile-app', external_id: 'u-1', email: 'mobile@acme.example' });
const limit = {
  name: 'limit',
  policy_type: 'rate_limit',
  tenant_id: 'acme',
  scope: 'api',
  config: { requests_per_minute: 100, burst: 20 },
};
const policy = await call('POST /v1/admin/policies', limit);
await call('POST /v1/admin/policies/bindings', { policy_id: policy.id, api_catalog_id: api.id, tenant_id: 'acme' });
const webhook_secret = 'fixture-webhook-secret';
await call('POST /v1/tenants/acme/webhooks', { url: upstream_url, events: ['subscription.created'], secret: webhook_secret });

const subscribe = () => call('POST /v1/subscriptions', { tenant_id: 'acme', api_id: api.id, consumer_id: consumer.id });
const first = await subscribe();
const rotated = await call(`POST /v1/subscriptions/${String(first['id'])}/rotate-key`, { grace_period_hours: 168 });
const gone = await call('POST /v1/tenants/acme/subscriptions', { api_id: api.id, plan: 'standard', application: 'second' });
const approved = await call(`POST /v1/tenants/acme/subscriptions/${String(gone['id'])}/approve`, { rate_limit: 1000, quota: 50_000 });
await call(`POST /v1/subscriptions/${String(gone['id'])}/revoke`);
await call('POST /v1/tenants/acme/subscriptions', { api_id: api.id, plan: 'standard', application: 'waiting' });

const url = `${gateway.url}/apis/acme/payments/v1/x`;
for (const key of [first.api_key, rotated.new_api_key, 'stoa_sk_unknown', rotated.new_api_key]) {
  for (let tries = 0; tries < 50; tries += 1) {
    const { status } = await fetch(url, { headers: { 'x-api-key': String(key) } });
    if (status === 200 || String(key).endsWith('unknown')) break;
    await delay(100);
  }
}
await delay(4000);
await gateway.end();
await controlPlane.end();
upstream.close();
upstream.closeAllConnections();

const made = {
  key: String(rotated.new_api_key),
  key_in_grace: String(first.api_key),
  revoked_key: String(approved.api_key),
  webhook_secret,
};
console.log(keepDatabase(directory, made));
rmSync(directory, { recursive: true });
