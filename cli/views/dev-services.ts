/** The services of `stoactl dev` for a person. */
import type { ServiceStatus } from '../operations/dev/control.js';
import type { DevChange, DevServices } from '../operations/dev/remote.js';
import { ALIASES } from '../operations/dev/part.js';
import { printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

const STATES: Readonly<Record<ServiceStatus['state'], string>> = {
  running: 'Up',
  starting: 'Starting',
  restarting: 'Restarting',
  stopping: 'Stopping',
  stopped: 'Exited',
};

/** A table as `docker compose ps` shows it. `now` in epoch milliseconds. */
export function servicesText({ services }: DevServices, now: number, paint: Paint): string {
  const columns: readonly Column<ServiceStatus>[] = [
    { title: 'service', value: ({ service }) => service },
    { title: 'status', value: (status) => statusWord(status, now) },
    { title: 'health', value: ({ health, detail }) => (health === 'none' ? detail : detail === '' ? health : `${health}: ${detail}`) },
    { title: 'address', value: ({ url }) => url },
    { title: 'pid', narrow: 'out', value: ({ pid }) => (pid === null ? '' : String(pid)) },
    { title: 'also called', narrow: 'cut', value: ({ service }) => ALIASES[service].join(', ') },
  ];
  return tableText(services, columns, paint);
}

function statusWord({ state, since }: ServiceStatus, now: number): string {
  return since === null ? STATES[state] : `${STATES[state]} ${duration(now - Date.parse(since))}`;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

const DONE: Readonly<Record<DevChange['action'], string>> = { start: 'running', stop: 'stopped', restart: 'running again' };

/** One line a service, and how long it took. */
export function changeText({ action, services, milliseconds }: DevChange, paint: Paint): string {
  const lines = services.map(({ service, url, health, detail }) => {
    const problem = action === 'stop' || health === 'healthy' ? '' : `, ${detail === '' ? health : detail}`;
    return `${paint.bold(service)} is ${DONE[action]}${action === 'stop' ? '' : ` at ${url}`}${printable(problem)}\n`;
  });
  return `${lines.join('')}That took ${(milliseconds / 1000).toFixed(1)} s.\n`;
}
