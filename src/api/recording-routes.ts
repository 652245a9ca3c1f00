/**
 * `/v1`: list, show, play, verify. Everything here needs the bearer token.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../errors/index.js';
import { contentTypeOf } from '../media/index.js';
import type { Log } from '../ops/index.js';
import { requireBearer } from './bearer.js';
import { withFirstPiece } from './first-piece.js';
import { badRequest, type HttpProblem } from './http-error.js';
import type { Library } from './library.js';
import { parseListQuery } from './list-query.js';
import { unknownRecording } from './local-library.js';

interface ById {
  Params: { id: string };
  Querystring: Record<string, unknown>;
}

export const recordingRoutes = (scope: FastifyInstance, library: Library, token: string | undefined, log: Log): void => {
  requireBearer(scope, token);
  scope.addHook('preHandler', async (request, reply) => {
    const problem = request.routeOptions.url === '/v1/recordings' ? undefined : unwantedQuery(request.query);
    if (problem !== undefined) await reply.code(problem.status).send(problem.body);
  });

  scope.get<{ Querystring: Record<string, unknown> }>('/recordings', async (request, reply) => {
    const filter = parseListQuery(request.query);
    if (typeof filter === 'string') {
      const problem = badRequest(filter);
      return reply.code(problem.status).send(problem.body);
    }
    return library.list(filter);
  });

  scope.get<ById>('/recordings/:id', async ({ params: { id } }) => {
    const found = await library.find(id);
    if (found === undefined) throw unknownRecording(id);
    return found;
  });

  scope.get<ById>('/recordings/:id/audio', async ({ params: { id } }, reply) => {
    const { name, bytes } = await library.audio(id);
    const stream = Readable.from(await withFirstPiece(bytes), { objectMode: false });
    stream.on('error', (error) => log.error({ id, reason: messageOf(error) }, 'the audio of a recording could not be sent to its end'));
    return reply
      .header('content-type', contentTypeOf(name))
      .header('content-disposition', `attachment; filename="${name.replaceAll(/[^\w.-]/g, '_')}"`)
      .header('cache-control', 'no-store')
      .send(stream);
  });

  scope.post<ById>('/recordings/:id/verify', ({ params: { id } }) => library.verify(id));
};

const unwantedQuery = (query: unknown): HttpProblem | undefined => {
  const [name] = Object.keys(query as Record<string, unknown>);
  return name === undefined ? undefined : badRequest(`there is no parameter "${name.slice(0, 64)}" here`);
};
