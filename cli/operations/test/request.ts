/** Sends the requests of a test, as they are written. */
import { Agent, request } from 'undici';
import { StoaError } from '../../../schema/error.js';
import type { TestRequest } from '../../../schema/test-file.js';
import type { Answer } from './expect.js';

const TIMEOUT_MS = 120_000;

export interface Sender {
  send(request: TestRequest, apiKey: string | undefined): Promise<Answer>;
  close(): Promise<void>;
}

/** Sends to one gateway, on connections of its own. */
export function createSender(gatewayUrl: string): Sender {
  const dispatcher = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  return {
    async send({ method, path, headers = {}, body, from }, apiKey) {
      const isText = typeof body === 'string';
      const content = body === undefined || isText ? body : JSON.stringify(body);
      const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
      const sent = {
        ...(body === undefined || isText ? {} : { 'content-type': 'application/json' }),
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
        ...(from === undefined ? {} : { 'x-forwarded-for': from }),
        ...own,
      };
      try {
        const answer = await request(`${gatewayUrl}${path}`, { dispatcher, method, headers: sent, body: content });
        return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
      } catch (error) {
        throw new StoaError('network_error', `The gateway gave no answer: ${error instanceof Error ? error.message : String(error)}.`, {
          hint: 'Run it again; if it stays so, it is a fault of the gateway.',
          cause: error,
        });
      }
    },
    close: () => dispatcher.close(),
  };
}
