/** The form of `dev` for programs: one JSON object an event and line. Its fields are stable, and listed here. */
import { toFailure } from '../../report.js';
import type { DevEvent } from './events.js';
import type { NextSteps } from './next-steps.js';

/** An event as objects with `type`: of `output` one for each line that the service wrote, of all others one. */
export function eventObjects(event: DevEvent): readonly Readonly<Record<string, unknown>>[] {
  switch (event.type) {
    case 'died':
    case 'restart_failed': {
      const { type, service, reason, retryMs } = event;
      return [{ type, service, reason, retry_ms: retryMs }];
    }
    case 'health':
      return [{ type: event.type, service: event.service, healthy: event.isHealthy, detail: event.detail }];
    case 'output': {
      const { type, service, stream, lines } = event;
      const written = lines.toString().split('\n');
      return written.filter((line) => line !== '').map((line) => ({ type, service, stream, line }));
    }
    case 'applied': {
      const { type, files, summary, milliseconds } = event;
      return [{ type, files, summary, milliseconds }];
    }
    case 'apply_failed':
      return [{ type: event.type, ...toFailure(event.error).json }];
    default:
      return [event];
  }
}

/** That everything runs, and how to reach it. The secret and the key are those that `dev` shows to people, too: once. */
export function runningObject({ controlUrl, gatewayUrl, clientId, clientSecret, echoUrl, call, ...steps }: NextSteps): object {
  return {
    type: 'running',
    schema_version: 1,
    control_plane_url: controlUrl,
    gateway_url: gatewayUrl,
    client_id: clientId,
    client_secret: clientSecret,
    echo_url: echoUrl,
    console_url: steps.consoleUrl,
    portal_url: steps.portalUrl,
    sample_call: call === undefined ? undefined : { url: call.url, api_key: call.apiKey },
  };
}

export const jsonLine = (value: object): string => `${JSON.stringify(value)}\n`;
