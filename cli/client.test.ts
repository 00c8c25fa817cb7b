import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createClient, type Client } from './client.js';

let server: Server;
let asked: string[];

afterEach(() => server.close().closeAllConnections());

/** A control plane that refuses this field of a listing, as each does with what it does not know. */
async function clientOf(refused: string): Promise<Client> {
  asked = [];
  server = createServer((req, res) => {
    const { searchParams } = new URL(req.url ?? '', 'http://x');
    asked.push(searchParams.toString());
    const details = [{ field: refused, message: `Unknown field "${refused}".` }];
    const refusal = { error: { code: 'validation_error', message: 'The request is not valid.', details } };
    if (searchParams.has(refused)) res.writeHead(400, { 'content-language': 'en' }).end(JSON.stringify(refusal));
    else res.end(JSON.stringify({ resources: [{ name: 'payments' }], total: 1 }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { realm: 'stoa', clientId: 'cli', clientSecret: undefined, token: 'given' };
  return createClient({ server: url, authServer: url, ...credentials, timeoutMs: 5000, now: Date.now });
}

it('a listing asks a control plane of before again, without what that one does not know', async () => {
  const client = await clientOf('settled');

  expect(await client.list({ tenant: 'acme', settled: 'true' })).toEqual([{ name: 'payments' }]);
  expect(asked).toEqual(['tenant=acme&settled=true&page=1&limit=1000', 'tenant=acme&page=1&limit=1000']);
});

it('another refusal of a listing stays one', async () => {
  const client = await clientOf('tenant');

  await expect(client.list({ tenant: 'acme', settled: 'true' })).rejects.toMatchObject({ code: 'validation_error' });
  expect(asked).toHaveLength(1);
});
