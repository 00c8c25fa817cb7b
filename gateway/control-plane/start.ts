/** Starts and stops a whole control plane: database, keys, issuer, server, alias listeners. */
import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { productVersion } from '../product-path.js';
import { StoaError } from '../../schema/error.js';
import { catalog } from '../catalog.js';
import { now } from '../clock.js';
import { createExternalIssuer } from './auth/external-issuer.js';
import { createPipelineIssuers } from './auth/pipelines.js';
import { loadClients, randomSecret } from './auth/secrets.js';
import { createTokens, loadSigningKey } from './auth/tokens.js';
import type { ControlPlane } from './context.js';
import { openDatabase } from './database/open.js';
import { readOrMakePrivateFile } from './private-file.js';
import { buildServer } from './server.js';
import type { Settings } from './settings.js';
import { createTelemetry } from './telemetry.js';
import { openVault } from './vault.js';

/** What is still being answered after this is cut off. */
const HARD_STOP_MS = 10_000;

export interface Running {
  readonly port: number;
  /** Set when a client secret was made: its only showing. */
  readonly firstRun: { readonly client_id: string; readonly client_secret: string } | undefined;
  /** Takes no new requests, finishes those in flight, closes the database. */
  stop(): Promise<void>;
}

/** Starts. Throws when the data directory or the port cannot be had; nothing is left open then. */
export async function startControlPlane(settings: Settings, log: FastifyBaseLogger): Promise<Running> {
  const database = await openDatabase(settings.dataDirectory);
  try {
    const address = { url: settings.publicUrl ?? '' };
    const cp = createContext(settings, log, database.db, address);
    const embeddedIssuer = settings.hasEmbeddedIssuer ? await openEmbeddedIssuer(cp, settings) : undefined;
    const state = { isStopping: false };
    const app = await buildServer({
      cp,
      embeddedIssuer,
      externalIssuers: [
        ...settings.oidcIssuers.map((issuer) => createExternalIssuer(cp, { issuer, audience: settings.oidcAudience ?? '' })),
        ...createPipelineIssuers(cp, settings.pipelines),
      ],
      version: productVersion(),
      platformLimit: settings.platformLimit,
      trustedProxies: settings.trustedProxies,
      isStopping: () => state.isStopping,
    });
    const port = await listen(app, settings);
    if (settings.publicUrl === undefined) address.url = `http://${urlHost(settings.host)}:${port}`;
    const aliases = await listenOnAliases(app, settings);
    const firstRun = embeddedIssuer?.clients.firstRun;
    await firstRun?.keep();
    const stop = async (): Promise<void> => {
      state.isStopping = true;
      await closeServers(app, aliases);
      await database.close();
    };
    return { port, firstRun, stop };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openEmbeddedIssuer(cp: ControlPlane, settings: Settings) {
  const clients = await loadClients(cp, settings);
  const tokens = await createTokens(cp, loadSigningKey(path.join(settings.dataDirectory, 'issuer.pem')));
  return { clients, tokens, realms: settings.realms };
}

function createContext(
  settings: Settings,
  log: FastifyBaseLogger,
  db: ControlPlane['db'],
  address: { readonly url: string },
): ControlPlane {
  const file = (name: string): string => path.join(settings.dataDirectory, name);
  const bell = new EventEmitter().setMaxListeners(0);
  return {
    db,
    catalog,
    log,
    now,
    gatewayUrl: settings.gatewayUrl,
    telemetry: createTelemetry(now, settings.dataDirectory),
    auditRetentionDays: settings.auditRetentionDays,
    hasPortal: settings.hasPortal,
    isInContainer: settings.isInContainer,
    get publicUrl() {
      return address.url;
    },
    announce: () => void bell.emit('ring'),
    nextAnnouncement: async () => void (await once(bell, 'ring')),
    allowPrivateWebhooks: settings.allowPrivateWebhooks,
    vault: openVault(file('vault.key')),
    gatewayToken: settings.gatewayToken ?? readOrMakePrivateFile(file('gateway.token'), randomSecret),
  };
}

async function listen(app: FastifyInstance, { host, port }: Settings): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === 'EADDRINUSE' ? `Port ${port} on ${host} is in use` : `Port ${port} on ${host} cannot be listened on: ${message}`;
    throw new StoaError('conflict', `${problem}.`, { hint: 'Stop what listens there, or give another port.', cause: error });
  }
  return (app.server.address() as AddressInfo).port;
}

const urlHost = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host);

/** The documented further ports (decision K17). One that is taken is passed over in silence: somebody else's service is there. */
async function listenOnAliases(app: FastifyInstance, { host, aliasPorts }: Settings): Promise<Server[]> {
  const servers = await Promise.all(
    aliasPorts.map(async (port) => {
      const server = createServer((req, res) => app.routing(req, res));
      server.listen({ host, port });
      const isFree = await once(server, 'listening').then(
        () => true,
        () => false,
      );
      return isFree ? [server] : [];
    }),
  );
  return servers.flat();
}

async function closeServers(app: FastifyInstance, aliases: readonly Server[]): Promise<void> {
  const cut = setTimeout(() => {
    for (const server of [app.server, ...aliases]) server.closeAllConnections();
  }, HARD_STOP_MS);
  const closed = aliases.map((server) => {
    server.close();
    server.closeIdleConnections();
    return once(server, 'close');
  });
  await Promise.all([app.close(), ...closed]);
  clearTimeout(cut);
}
