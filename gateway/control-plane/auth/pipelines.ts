/** Pipelines that sign in with the token that their own system gives them: who may be what is said by the operator, claim by claim (docs/decisions/0023-sign-in.md). */
import { readFileSync } from 'node:fs';
import { errors, type JWTVerifyResult } from 'jose';
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import { parsePipelines, type PipelineRule } from '../../../schema/pipelines.js';
import type { ControlPlane } from '../context.js';
import { createExternalIssuer, type ExternalIssuer } from './external-issuer.js';
import type { TokenClaims } from './tokens.js';

/** Reads a file of rules. Throws `usage_error`. */
export function readPipelines(path: string): readonly PipelineRule[] {
  const name = `--pipelines ${path}`;
  try {
    return parsePipelines(readFileSync(path, 'utf8'), name);
  } catch (error) {
    if (error instanceof StoaError) throw error;
    throw new StoaError('usage_error', `${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** One issuer for all rules that name it. */
export function createPipelineIssuers(cp: Pick<ControlPlane, 'now' | 'log'>, rules: readonly PipelineRule[]): ExternalIssuer[] {
  return [...new Set(rules.map(({ issuer }) => issuer))].map((issuer) => {
    const own = rules.filter((known) => known.issuer === issuer);
    return createExternalIssuer(cp, { issuer, audience: own.map(({ audience }) => audience), read: (token) => readClaims(token, own) });
  });
}

const claimsSchema = z.looseObject({
  exp: z.int(),
  sub: z.string().regex(/^[^\p{Cc}]+$/u),
  aud: z.union([z.string(), z.array(z.string())]),
});

const MAX_NAME = 200;

/** The first rule that fits decides. Throws `forbidden` when none does. */
function readClaims({ payload, protectedHeader: { typ } }: JWTVerifyResult, rules: readonly PipelineRule[]): TokenClaims {
  if (typ !== undefined && typ.toLowerCase() !== 'jwt') throw new errors.JWTInvalid('No identity token');
  const claims = claimsSchema.parse(payload);
  const audiences = [claims.aud].flat();
  const found = rules.find((known) => audiences.includes(known.audience) && fits(claims, known.claims));
  if (found === undefined) {
    throw new StoaError('forbidden', `No pipeline of --pipelines is this one: ${claims.sub.slice(0, MAX_NAME)}.`, {
      hint: 'The operator of the control plane says there which repository, branch and environment may do what.',
    });
  }
  const tenant = found.tenant === undefined ? undefined : { reference: found.tenant, isId: false };
  return { user: claims.sub.slice(0, MAX_NAME), roles: [found.role], tenant, expiresAt: claims.exp * 1000 };
}

/** No pattern and no prefix: `refs/heads/main-2` is not `refs/heads/main`. */
const fits = (claims: Readonly<Record<string, unknown>>, wanted: PipelineRule['claims']): boolean =>
  Object.entries(wanted).every(([name, values]) => Object.hasOwn(claims, name) && [values].flat().some((value) => value === claims[name]));
