/** Knows when a gateway serves everything that the control plane has acknowledged, without a request to any API: those count against limits. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncMessage } from '../../../schema/sync.js';
import { DEV_CLIENT, type Connection } from './connection.js';

const PATIENCE_MS = 3000;
const POLL_MS = 10;

/** Resolves when the gateway has followed, or, with false, when patience ends: it may be elsewhere, or not running yet. Never throws. */
export async function untilFollowed(connection: Connection, gatewayUrl: string, patienceMs = PATIENCE_MS): Promise<boolean> {
  const giveUp = AbortSignal.timeout(patienceMs);
  try {
    const wanted = await latestNumber(connection, giveUp);
    while ((await servedNumber(gatewayUrl, giveUp)) < wanted) await sleep(POLL_MS, undefined, { signal: giveUp });
    return true;
  } catch {
    return false;
  }
}

/** The number of the last change: what a gateway is told first. */
async function latestNumber({ controlUrl, bootstrapSecret }: Connection, signal: AbortSignal): Promise<number> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: DEV_CLIENT, client_secret: bootstrapSecret });
  const login = await fetch(`${controlUrl}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body, signal });
  const { access_token } = (await login.json()) as { access_token: string };
  const message = JSON.parse(await firstLine(`${controlUrl}/v1/gateways/stream?since=0`, access_token, signal)) as SyncMessage;
  return 'number' in message ? message.number : 0;
}

/** The first line of an answer that has no end. `fetch` leaves such a connection open after a cancel, which would hold up the server's stop. */
function firstLine(url: string, token: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { authorization: `Bearer ${token}` }, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', reject);
      response.on('data', (chunk: string) => {
        text += chunk;
        if (!text.includes('\n')) return;
        resolve(text.slice(0, text.indexOf('\n')));
        request.destroy();
      });
      response.on('end', () => reject(new Error(`The stream ended with status ${response.statusCode}.`)));
    });
    request.on('error', reject);
  });
}

async function servedNumber(gatewayUrl: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(`${gatewayUrl}/metrics`, { signal });
  if (!response.ok) throw new Error(`The gateway answers its metrics with ${response.status}.`);
  const [, number] = /^stoa_gateway_config_number (\d+)$/m.exec(await response.text()) ?? [];
  return Number(number ?? 0);
}
