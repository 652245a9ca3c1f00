/**
 * `/v1/calls`: the calls that run, and commands to their recordings. Needs the bearer token, but for the addresses
 * under `/v1/control`, which are their own proof.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { requireBearer } from './bearer.js';
import type { CallControl, ControlCommand } from './call-control.js';
import { linkCommands, longestLinkSeconds, type ControlLinks, type LinkCommand } from './control-links.js';
import { badRequest, type HttpProblem } from './http-error.js';

interface OfSession {
  Params: { sessionId: string };
}

const isLinkCommand = (value: unknown): value is LinkCommand => linkCommands.some((command) => command === value);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const callUnknown: HttpProblem = { status: 404, body: { code: 'CALL_UNKNOWN', message: 'no such call is running' } };
const callAmbiguous: HttpProblem = { status: 409, body: { code: 'CALL_AMBIGUOUS', message: 'more than one running call has this party: name the session ID' } };
const noRecording: HttpProblem = { status: 409, body: { code: 'COMMAND_REFUSED', message: 'the call is not recorded, or its recording is lost' } };
const linkVoid: HttpProblem = { status: 403, body: { code: 'LINK_VOID', message: 'this address does not allow that, or no longer' } };

const send = (reply: FastifyReply, { status, body }: HttpProblem): FastifyReply => reply.code(status).send(body);

/** A command, or a sentence that says what is wrong. */
function readCommand(body: unknown): ControlCommand | string {
  const wanted = `send {"command": "${linkCommands.join('" or "')}"}, or {"command": "tag", "name": …, "value": …}`;
  if (!isObject(body)) return wanted;
  const { command, name, value, ...others } = body;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `there is no member "${unknown.slice(0, 64)}"; ${wanted}`;
  if (command === 'tag') return typeof name === 'string' && typeof value === 'string' ? { command, name, value } : wanted;
  return isLinkCommand(command) && name === undefined && value === undefined ? { command } : wanted;
}

function obey(calls: CallControl, sessionId: string, command: ControlCommand, source: 'api' | 'link', reply: FastifyReply): FastifyReply {
  const answer = calls.command(sessionId, command, source);
  if (answer === undefined) return send(reply, callUnknown);
  if (answer === 'no-recording') return send(reply, noRecording);
  if (answer.refused !== undefined) return reply.code(409).send({ code: 'COMMAND_REFUSED', message: answer.refused, sessionId, recording: answer.state });
  return reply.header('cache-control', 'no-store').send({ sessionId, recording: answer.state });
}

export const controlRoutes = (scope: FastifyInstance, calls: CallControl, links: ControlLinks, token: string | undefined): void => {
  requireBearer(scope, token);

  scope.get('/calls', (_request, reply) =>
    reply.header('cache-control', 'no-store').send(
      calls.list().map(({ sessionId, trunk, from, to, startedAtMs, recording }) => ({ sessionId, trunk, from, to, startedAt: new Date(startedAtMs).toISOString(), recording })),
    ),
  );

  scope.post<OfSession>('/calls/:sessionId/recording', ({ params: { sessionId }, body }, reply) => {
    const command = readCommand(body);
    return typeof command === 'string' ? send(reply, badRequest(command)) : obey(calls, sessionId, command, 'api', reply);
  });

  scope.post<{ Querystring: Record<string, unknown> }>('/calls/recording', ({ query: { party }, body }, reply) => {
    const command = readCommand(body);
    if (typeof command === 'string') return send(reply, badRequest(command));
    if (typeof party !== 'string' || party === '' || party.length > 256) return send(reply, badRequest('say whose call with ?party=NUMBER, the + written as %2B'));
    const found = calls.sessionOf(party);
    if (found === 'none') return send(reply, callUnknown);
    return found === 'several' ? send(reply, callAmbiguous) : obey(calls, found.sessionId, command, 'api', reply);
  });

  scope.post<OfSession>('/calls/:sessionId/tokens', ({ params: { sessionId }, body }, reply) => {
    const { commands, seconds } = isObject(body) ? body : {};
    const asked: unknown[] = Array.isArray(commands) ? commands : [];
    const allowed = linkCommands.filter((command) => asked.includes(command));
    if (allowed.length === 0 || !asked.every(isLinkCommand)) return send(reply, badRequest(`"commands" is a list of ${linkCommands.join(', ')}`));
    if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > longestLinkSeconds) {
      return send(reply, badRequest(`"seconds" is a whole number from 1 to ${longestLinkSeconds}`));
    }
    if (!calls.list().some((call) => call.sessionId === sessionId)) return send(reply, callUnknown);
    return reply.header('cache-control', 'no-store').send({ path: `/v1/control/${links.make({ sessionId, commands: allowed }, seconds)}` });
  });
};

/** By GET too: that is all that many systems can send. Each command may be repeated, so one sent twice does no harm. */
export const linkRoutes = (scope: FastifyInstance, calls: CallControl, links: ControlLinks): void => {
  scope.route<{ Params: { token: string }; Querystring: Record<string, unknown> }>({
    method: ['GET', 'POST'],
    url: '/control/:token',
    handler: ({ params: { token }, query: { command } }, reply) => {
      const link = links.read(token);
      if (link === undefined || !isLinkCommand(command) || !link.commands.includes(command)) return send(reply, linkVoid);
      return obey(calls, link.sessionId, { command }, 'link', reply);
    },
  });
};
