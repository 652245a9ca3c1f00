/**
 * The HTTP server: health and metrics for machines, and with a library the recordings for people.
 *
 * Owns       the listening socket and its limits.
 * Leaves to  recording-routes.ts and control-routes.ts what is under /v1; ops/ what health and metrics say.
 *
 * It listens where it is told and nowhere else. Without a library or calls there is no /v1; with one and
 * no token everything under /v1 is refused.
 */
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { Failure, messageOf } from '../errors/index.js';
import type { Health, Log, Metrics } from '../ops/index.js';
import type { CallControl } from './call-control.js';
import { ControlLinks } from './control-links.js';
import { controlRoutes, linkRoutes } from './control-routes.js';
import { notFound, problemOf } from './http-error.js';
import { keyRoutes } from './key-routes.js';
import type { Library } from './library.js';
import { recordingRoutes } from './recording-routes.js';

export interface HttpOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly log: Log;
  readonly health: Pick<Health, 'report'>;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Bearer token of /v1. */
  readonly token?: string;
  /** Not closed with the server. */
  readonly library?: Library;
  /** The calls that run here. */
  readonly calls?: CallControl;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Cuts what is being sent. */
  close(): Promise<void>;
}

const limits = {
  bodyLimit: 64 * 1_024,
  /** For a request to arrive whole. */
  requestTimeout: 10_000,
  /** Without a byte either way, as when somebody stops reading audio. */
  connectionTimeout: 120_000,
  keepAliveTimeout: 5_000,
  routerOptions: { maxParamLength: 512 },
} as const;
const maxConnections = 256;

/** Failure HTTP_LISTEN when the address cannot be listened on. */
export const openHttp = async (options: HttpOptions): Promise<HttpServer> => {
  const { host, port, log, health, metrics, library, calls, token } = options;
  const server = fastify({
    ...limits,
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    // Addresses that reach no route: malformed, too long.
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const { status, body } = problemOf(error);
      void reply.code(status).send(body);
    },
  });
  server.server.maxConnections = maxConnections;
  tellProblems(server, log);

  server.get('/health', async (_request, reply) => {
    const report = await health.report();
    return reply.code(report.status === 'failing' ? 503 : 200).header('cache-control', 'no-store').send(report);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  if (library !== undefined) {
    await server.register(
      (scope, _options, done) => {
        recordingRoutes(scope, library, token, log);
        done();
      },
      { prefix: '/v1' },
    );
    await server.register(
      (scope, _options, done) => {
        keyRoutes(scope, library, token, log);
        done();
      },
      { prefix: '/v1' },
    );
  }

  if (calls !== undefined) {
    const links = new ControlLinks(Date.now);
    for (const routes of [(scope: FastifyInstance) => controlRoutes(scope, calls, links, token), (scope: FastifyInstance) => linkRoutes(scope, calls, links)]) {
      await server.register(
        (scope, _options, done) => {
          routes(scope);
          done();
        },
        { prefix: '/v1' },
      );
    }
  }

  try {
    await server.listen({ host, port });
  } catch (cause) {
    await server.close();
    throw new Failure('HTTP_LISTEN', `HTTP cannot listen on ${host} port ${port}: ${messageOf(cause)}; choose another address or port under "http"`, { cause, facts: { host, port } });
  }
  const address = server.server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : port, close: () => server.close() };
};

const tellProblems = (server: FastifyInstance, log: Log): void => {
  server.setNotFoundHandler((_request, reply) => reply.code(notFound.status).send(notFound.body));
  server.setErrorHandler((error, request, reply) => {
    const { status, body } = problemOf(error);
    if (status >= 500) log.error({ error, method: request.method, route: request.routeOptions.url ?? '' }, 'an HTTP request failed');
    return reply.code(status).send(body);
  });
  server.addHook('onResponse', (request, reply, done) => {
    log.debug(
      { method: request.method, route: request.routeOptions.url ?? '', status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'an HTTP request was answered',
    );
    done();
  });
};
