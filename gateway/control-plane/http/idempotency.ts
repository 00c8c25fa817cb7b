/** `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): a repeated request gets the first one's answer and is not done again. */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import { runClaimed, type ControlPlane } from '../context.js';
import { invalidField } from './parse.js';
import { claimKey, DONE, dropKey, dropUnfinished, findAnswer, forgetAnswers, keepAnswer, markDone, type IdempotencyKey } from './store.js';

const KEY = /^[\x21-\x7e]{1,255}$/;
const DAY_MS = 24 * 3_600_000;

/** Answers are kept for a day, encrypted: one may hold an API key. */
export function addIdempotency(app: FastifyInstance, cp: ControlPlane): void {
  const claims = new WeakMap<FastifyRequest, IdempotencyKey>();
  // One process per database: what is under way at its start was cut off with the one before.
  app.addHook('onReady', () => dropUnfinished(cp.db));
  app.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request);
    if (key === undefined) return undefined;
    await forgetAnswers(cp.db, new Date(cp.now() - DAY_MS).toISOString());
    const digest = digestOf(request);
    if (await claimKey(cp.db, key, digest, new Date(cp.now()).toISOString())) {
      claims.set(request, key);
      return undefined;
    }
    return replay(cp, key, digest, reply);
  });
  // With a callback: what handles the request runs inside of it.
  app.addHook('preHandler', (request, _reply, done) => {
    const key = claims.get(request);
    if (key === undefined) done();
    else runClaimed((trx) => markDone(trx, key), done);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const key = claims.get(request);
    if (key === undefined) return payload;
    const isAnswer = reply.statusCode < 500 && (typeof payload === 'string' || payload === null || payload === undefined);
    if (isAnswer) await keepAnswer(cp.db, key, reply.statusCode, cp.vault.seal(payload ?? ''));
    else await dropKey(cp.db, key);
    return payload;
  });
}

/** A token of fewer rights than the first one, or of another tenant of that name, is somebody else: an answer may hold what it may not see. */
function keyOf({ method, headers, actor }: FastifyRequest): IdempotencyKey | undefined {
  const key = headers['idempotency-key'];
  if (method !== 'POST' || key === undefined) return undefined;
  if (typeof key === 'string' && KEY.test(key)) return { actor: [actor.name, actor.tenantId ?? '', ...actor.roles].join(' '), key };
  throw invalidField('Idempotency-Key', 'An idempotency key is 1 to 255 visible ASCII characters.');
}

const digestOf = ({ url, body }: FastifyRequest): string =>
  createHash('sha256')
    .update(`${url}\n${JSON.stringify(body ?? null)}`)
    .digest('hex');

async function replay(cp: ControlPlane, key: IdempotencyKey, digest: string, reply: FastifyReply): Promise<FastifyReply> {
  const answer = await findAnswer(cp.db, key);
  if (answer !== undefined && answer.request_digest !== digest) {
    throw new StoaError('conflict', 'This Idempotency-Key was used for another request.', { hint: 'Use a new key for a new request.' });
  }
  if (answer?.status === DONE) {
    throw new StoaError('conflict', 'The request with this Idempotency-Key was done; its answer was lost.', {
      hint: 'Look at what is there before you ask again with another key.',
    });
  }
  if (answer === undefined || answer.status < DONE) {
    throw new StoaError('conflict', 'A request with this Idempotency-Key is under way.', { hint: 'Wait, then try again.' });
  }
  const body = cp.vault.open(answer.ciphertext);
  void reply.header('idempotency-replayed', 'true').code(answer.status);
  return body === '' ? reply.send() : reply.type('application/json; charset=utf-8').send(body);
}
