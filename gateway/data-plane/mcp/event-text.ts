/** Events of a stream (HTML, Server-sent events). */
export const messageEvent = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
export const endpointEvent = (address: string): string => `event: endpoint\ndata: ${address}\n\n`;
/** A comment: it keeps proxies from closing a stream, and shows when the client is gone. */
export const BEAT = ': keep-alive\n\n';
