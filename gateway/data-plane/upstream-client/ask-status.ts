/** A question of which only the status of the answer matters; its body is read and thrown away. */
import type { AnswerHandler, AnswerSource, UpstreamRequest } from './exchange-handler.js';
import type { UpstreamPool } from './upstream-pool.js';

/** The status of the answer once it is whole; undefined when it is not in time. Rejects with what broke the exchange. */
export const askStatus = (pool: UpstreamPool, request: UpstreamRequest, timeoutMs: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    let source: AnswerSource | undefined;
    let status: number | undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      source?.abort(handler);
      resolve(undefined);
    }, timeoutMs).unref();
    const handler: AnswerHandler = {
      onConnect(from) {
        source = from;
        return !isLate;
      },
      onBodySent: () => undefined,
      onRequestSent: () => undefined,
      onHeaders: (got) => (status = got),
      onData: () => true,
      onComplete() {
        clearTimeout(timer);
        resolve(status);
      },
      onUpgrade: (_status, _fields, socket) => socket.destroy(),
      onError(error) {
        clearTimeout(timer);
        reject(error);
      },
    };
    pool.dispatch(request, handler);
  });
