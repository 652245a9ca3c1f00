/**
 * The bearer token of a request (RFC 6750 §2.1), compared in constant time.
 *
 * Digests are compared, not tokens, so that the length tells nothing either.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { unauthorized } from './http-error.js';

/** Says whether an Authorization header is the right one. Without a token there is none. */
export const bearerCheck = (token: string | undefined): ((authorization: string | undefined) => boolean) => {
  if (token === undefined || token === '') return () => false;
  const expected = digestOf(token);
  return (authorization = '') => {
    const [, given] = /^bearer +([^\s]+) *$/i.exec(authorization) ?? [];
    return given !== undefined && timingSafeEqual(digestOf(given), expected);
  };
};

/** Refuses every request of the scope that has it not. */
export const requireBearer = (scope: FastifyInstance, token: string | undefined): void => {
  const isAllowed = bearerCheck(token);
  scope.addHook('onRequest', async (request, reply) => {
    if (!isAllowed(request.headers.authorization)) {
      await reply.code(unauthorized.status).header('www-authenticate', 'Bearer realm="twintrack"').send(unauthorized.body);
    }
  });
};

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
