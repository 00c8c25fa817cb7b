import { hash, timingSafeEqual } from 'node:crypto';

/** Whether whoever sends this value of `Authorization` may read the metrics: everybody, where they have no token. */
export const createMetricsCheck = (token: string | undefined): ((authorization: string | undefined) => boolean) =>
  token === undefined ? () => true : createBearerCheck(token);

/** Whether a value of `Authorization` carries this token. Compared as digests: neither the text nor its length shows in the time that this takes. */
export function createBearerCheck(token: string): (authorization: string | undefined) => boolean {
  const digestOf = (text: string): Buffer => Buffer.from(hash('sha256', text), 'hex');
  const expected = digestOf(token);
  return (authorization) => {
    const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    return timingSafeEqual(digestOf(given ?? ''), expected) && given !== undefined;
  };
}
