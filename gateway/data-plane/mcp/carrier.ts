/** What the listener lends to the MCP endpoint: the request itself, and what carries calls to upstreams. */
import type { ForwardedFor } from '../../client-address.js';
import type { Exchange } from '../exchange.js';
import type { UpstreamAccess } from '../upstream-request.js';

/** Pools and names of the listener, which calls of tools share with plain requests. */
export interface McpCarrier extends UpstreamAccess {
  /** The gateway stops: what is under way is finished, and nothing is begun that goes on. */
  readonly isDraining: boolean;
}

/** An answer that goes on: events for the client until either side ends it. */
export interface EventStream {
  /** A client that does not read what waits for it loses its stream after a while. */
  send(text: string): void;
  /** Whether more waits for the client than should. */
  readonly isBehind: boolean;
  end(): void;
}

/** A request to the MCP endpoint. */
export interface McpRequest extends Exchange {
  readonly forwardedFor: ForwardedFor | undefined;
  /** Told when the answer has ended, or the client is gone. */
  onOver: (() => void) | undefined;
  /** Whole body as text; throws StoaError `payload_too_large` above `limit` bytes. */
  readBody(limit: number): Promise<string>;
  /** Answers 200 with `text/event-stream`, and goes on. */
  openStream(headers: readonly string[]): EventStream;
}
