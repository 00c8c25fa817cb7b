/** The end of a listener: nothing new, nothing lost (security requirement 26). */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { connectionState } from './connection.js';

export type HttpServer = Server | TlsServer;

/** Connections that have not sent a byte so long after the stop began are let go. */
const SILENT_MS = 500;
/**
 * How long kept connections stay for a request that may be on its way at this moment: proxies hold many, and cannot repeat a POST that met a closed one.
 * Its answer announces the end, so that those in use end without a loss.
 */
const KEPT_MS = 250;
/** How long the kernel's queue of accepted connections may take to be emptied. */
const TAKE_IN_MS = 1000;

/**
 * Resolves when all connections are closed: idle ones after a moment, the others after their answer or after `graceMs`. With each connection stands how many
 * bytes were read of it before a request could come: those of a TLS handshake.
 */
export async function drain(
  server: HttpServer,
  sockets: ReadonlyMap<Socket, number>,
  tunnels: ReadonlySet<Duplex>,
  graceMs: number,
  turn: () => Promise<unknown> = () => setImmediate(),
): Promise<void> {
  const ends = performance.now() + Math.min(KEPT_MS, graceMs);
  const idle = setInterval(() => performance.now() >= ends && server.closeIdleConnections(), 50);
  const silent = setTimeout(() => destroyAll(silentOnes(sockets)), SILENT_MS);
  const hard = setTimeout(() => {
    destroyAll(tunnels);
    server.closeAllConnections();
    destroyAll(sockets.keys());
  }, graceMs);
  await takeIn(server, turn);
  // http.Server.close would close kept connections at once.
  await new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  server.close();
  for (const timer of [idle, silent, hard]) clearTimeout(timer);
}

/**
 * Closing a listener resets the connections that the kernel has accepted and this process has not. libuv takes one per turn of the loop:
 * turns are let pass until one brings none, or for so long.
 */
async function takeIn(server: HttpServer, turn: () => Promise<unknown>): Promise<void> {
  let accepted = 0;
  const count = (): number => (accepted += 1);
  server.on('connection', count);
  const until = performance.now() + TAKE_IN_MS;
  for (let before = -1; before !== accepted && performance.now() < until;) {
    before = accepted;
    await turn();
    await turn();
  }
  server.off('connection', count);
}

function destroyAll(sockets: Iterable<Duplex>): void {
  for (const socket of sockets) socket.destroy();
}

const silentOnes = (sockets: ReadonlyMap<Socket, number>): Socket[] =>
  [...sockets].flatMap(([socket, atStart]) => (socket.bytesRead === atStart && connectionState(socket).inFlight === 0 ? [socket] : []));
