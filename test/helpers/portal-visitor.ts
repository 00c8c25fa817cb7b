/** Somebody at the portal of a tenant: keeps the cookie as a browser does, and says where its requests come from. */
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose';
import type { Answer } from './control-plane.js';
import type { TestServer } from './lived-server.js';

export interface Visitor {
  /** Method and path below the portal: `POST access`. */
  send(line: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The same, for what must succeed: the body. */
  ok(line: string, body?: unknown): Promise<Answer['body']>;
  readonly cookie: string;
}

/** A browser that has never been there. `address`: where it is, as the proxy before a server says that trusts its proxies. */
export function newVisitor({ plane }: TestServer, tenant = 'acme', origin = 'https://api.example.test', address = ''): Visitor {
  let cookie = '';
  const send: Visitor['send'] = async (line, body, headers = {}) => {
    const [method = 'GET', path = ''] = line.split(' ');
    const own = { origin, ...(address === '' ? {} : { 'x-forwarded-for': address }), ...(cookie === '' ? {} : { cookie }), ...headers };
    const answer = await plane.send(`${method} /portal/${tenant}/${path}`, body, { token: null, headers: own });
    const [, set] = /^(stoa_portal=[^;]*);/.exec(String(answer.headers['set-cookie'])) ?? [];
    cookie = set ?? cookie;
    return answer;
  };
  return {
    send,
    ok: async (line, body) => {
      const answer = await send(line, body);
      if (answer.status < 300) return answer.body as unknown;
      throw new Error(`${line} was answered ${answer.status}: ${answer.text}`);
    },
    get cookie() {
      return cookie;
    },
  };
}

export interface Registered extends Visitor {
  readonly secret: string;
  /** Name of their consumer, which was made for them. */
  readonly consumer: string;
}

/** Somebody who has asked for access. */
export async function registered(server: TestServer, name = 'Jane Doe', tenant = 'acme', address = ''): Promise<Registered> {
  const visitor = newVisitor(server, tenant, undefined, address);
  const { secret } = await visitor.ok('POST access', { name, email: 'jane@example.com' });
  const newest = server.cp.db.selectFrom('resources').select('name').where('kind', '=', 'Consumer').orderBy('revision', 'desc');
  const { name: consumer } = await newest.executeTakeFirstOrThrow();
  return Object.assign(visitor, { secret: String(secret), consumer });
}

/** What a browser makes when it subscribes: the public half to send, and how to open what is sealed to it. */
export async function sealingPair() {
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', { crv: 'P-256' });
  const { kty, crv, x, y } = await exportJWK(publicKey);
  const open = async (jwe: string): Promise<string> => new TextDecoder().decode((await compactDecrypt(jwe, privateKey)).plaintext);
  return { public_key: { kty, crv, x, y }, open };
}
