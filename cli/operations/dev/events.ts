/** What happens in `stoactl dev`, as data: the plain form prints each event, the terminal view folds them into its state. */
import type { StoaError } from '../../../schema/error.js';

/** In the order in which they start. */
export const SERVICES = ['echo-upstream', 'control-plane', 'gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];

export type DevEvent =
  | { readonly type: 'starting'; readonly service: ServiceName }
  | { readonly type: 'ready'; readonly service: ServiceName; readonly url: string; readonly pid?: number | undefined }
  | { readonly type: 'died'; readonly service: ServiceName; readonly reason: string; readonly retryMs: number }
  | { readonly type: 'restart_failed'; readonly service: ServiceName; readonly reason: string; readonly retryMs: number }
  /** Somebody has stopped it; it stays so until it is started. */
  | { readonly type: 'halted'; readonly service: ServiceName }
  | { readonly type: 'health'; readonly service: ServiceName; readonly isHealthy: boolean; readonly detail: string }
  /** Whole lines as a service wrote them, with their line ends. */
  | { readonly type: 'output'; readonly service: ServiceName; readonly stream: 'stdout' | 'stderr'; readonly lines: Buffer }
  /** `text` is the diff as people read it; empty when there was nothing to change. */
  | { readonly type: 'applied'; readonly files: number; readonly summary: string; readonly text: string; readonly milliseconds: number }
  | { readonly type: 'apply_failed'; readonly error: StoaError; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'stopping'; readonly signal: string }
  | { readonly type: 'stopped' };

export type EmitDevEvent = (event: DevEvent) => void;
