/** Commands to a `stoactl dev` that runs in another terminal. */
import { setTimeout as delay } from 'node:timers/promises';
import { StoaError } from '../../../schema/error.js';
import type { ControlAction, ServiceStatus } from './control.js';
import { ask, socketsOf } from './control-socket.js';
import type { ServiceName } from './events.js';

export interface DevServices {
  readonly schema_version: 1;
  readonly data_dir: string;
  readonly services: readonly ServiceStatus[];
}

export interface DevChange extends DevServices {
  readonly action: Exclude<ControlAction, 'ps'>;
  readonly milliseconds: number;
}

/** Between one gateway and the next: a balancer before them has seen by then that the first is back. */
const BALANCER_MS = 2000;

/** What runs on a data directory, or the service of one name. Throws `not_found` when no `stoactl dev` does, or none that has it. */
export async function devServices(dataDir: string, service: ServiceName | undefined): Promise<DevServices> {
  const services = (await runningWith(service, dataDir)).flatMap((dev) => dev.services);
  return { schema_version: 1, data_dir: dataDir, services: services.filter((status) => isMeant(status, service)) };
}

/** Starts, stops or restarts a service, or all, and resolves when that is done. Throws `not_found`, and what a service says that cannot start. */
export async function changeServices(dataDir: string, action: DevChange['action'], service: ServiceName | undefined): Promise<DevChange> {
  const started = performance.now();
  const devs = await runningWith(service, dataDir);
  const services: ServiceStatus[] = [];
  // Further gateways stop before what they follow, and start after it.
  for (const [index, { socket }] of (action === 'start' ? devs.reverse() : devs).entries()) {
    if (action === 'restart' && index > 0) await delay(BALANCER_MS);
    services.push(...((await ask(socket, { action, service })) ?? []));
  }
  return { schema_version: 1, data_dir: dataDir, action, milliseconds: Math.round(performance.now() - started), services };
}

interface RunningDev {
  readonly socket: string;
  readonly services: readonly ServiceStatus[];
}

const isMeant = (status: ServiceStatus, service: ServiceName | undefined): boolean => service === undefined || status.service === service;

async function runningWith(service: ServiceName | undefined, dataDir: string): Promise<RunningDev[]> {
  const all = await running(dataDir);
  const devs = all.filter(({ services }) => services.some((status) => isMeant(status, service)));
  if (devs.length > 0) return devs;
  throw new StoaError('not_found', `The "stoactl dev" of ${dataDir} runs no ${service ?? 'service'}.`, {
    hint: `It runs ${all.flatMap(({ services }) => services.map((status) => status.service)).join(', ')}.`,
  });
}

async function running(dataDir: string): Promise<RunningDev[]> {
  const found: RunningDev[] = [];
  for (const socket of await socketsOf(dataDir)) {
    const services = await ask(socket, { action: 'ps' });
    if (services !== undefined) found.push({ socket, services });
  }
  if (found.length > 0) return found;
  throw new StoaError('not_found', `No "stoactl dev" runs on the data directory ${dataDir}.`, {
    hint: 'Start it with "stoactl dev", or name its directory with --data-dir.',
  });
}
