import type { EmitDevEvent, ServiceName } from './events.js';

const EVERY_MS = 2000;

/** Asks the services for their readiness every 2 s. Gives what ends it. */
export function watchHealth(services: Readonly<Partial<Record<ServiceName, string>>>, emit: EmitDevEvent): () => void {
  const ask = async (): Promise<void> => {
    for (const [service, url] of Object.entries(services)) {
      const { isHealthy, detail } = await healthOf(url);
      emit({ type: 'health', service: service as ServiceName, isHealthy, detail });
    }
  };
  const timer = setInterval(() => void ask(), EVERY_MS);
  return () => {
    clearInterval(timer);
  };
}

/** The readiness of a part that has one; any other only has to answer. */
export async function healthOf(url: string): Promise<{ isHealthy: boolean; detail: string }> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(EVERY_MS) });
    const { control_plane: link } = (await response.json()) as { control_plane?: unknown };
    const detail = link === 'disconnected' ? 'control plane away' : '';
    return { isHealthy: response.ok, detail: response.ok ? detail : `readiness ${response.status}` };
  } catch {
    return { isHealthy: false, detail: 'does not answer' };
  }
}
