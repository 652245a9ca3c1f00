/**
 * `/v1/sessions/ID/keys`: SRTP keys that come by themselves, sealed to the vault, before, during or after their call.
 * `/v1/keys/public`: what to seal to.
 *
 * Invariant 1  nothing here can be read: a body that holds an SRTP key in clear is refused, and not repeated anywhere.
 */
import type { FastifyInstance } from 'fastify';
import type { Log } from '../ops/index.js';
import { sealedKeyBytes } from '../vault/index.js';
import { requireBearer } from './bearer.js';
import { badRequest } from './http-error.js';
import type { Library } from './library.js';

const mostAtOnce = 32;
const longestSessionId = 256;
const wanted = 'send {"keys": ["…"]}, each sealed by `twintrack keys seal`, in base64';

/** The sealed keys of a body, or a sentence that says what is wrong. */
function readKeys(body: unknown): readonly Buffer[] | string {
  const { keys, ...others } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(keys) || keys.length === 0 || Object.keys(others).length > 0) return wanted;
  if (keys.length > mostAtOnce) return `at most ${mostAtOnce} keys at once`;
  const sealed: Buffer[] = [];
  for (const key of keys as readonly unknown[]) {
    if (typeof key !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/u.test(key)) return `${wanted}; this is none`;
    const box = Buffer.from(key, 'base64');
    if (box.length < sealedKeyBytes.least || box.length > sealedKeyBytes.most) return `a sealed key is ${sealedKeyBytes.least} to ${sealedKeyBytes.most} octets long; this is none`;
    sealed.push(box);
  }
  return sealed;
}

export const keyRoutes = (scope: FastifyInstance, library: Library, token: string | undefined, log: Log): void => {
  requireBearer(scope, token);

  scope.get('/keys/public', async () => library.publicKey());

  scope.post<{ Params: { sessionId: string } }>('/sessions/:sessionId/keys', async ({ params: { sessionId }, body }, reply) => {
    const sealed = readKeys(body);
    if (typeof sealed === 'string') return reply.code(400).send(badRequest(sealed).body);
    if (sessionId.length > longestSessionId) return reply.code(400).send(badRequest('that is no session ID').body);
    const known = await library.sendKeys(sessionId, sealed);
    log.info({ sessionId, keys: sealed.length }, 'keys came for a session');
    return reply.code(202).send({ sessionId, keys: known });
  });
};
