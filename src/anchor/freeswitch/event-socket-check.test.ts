import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { freePort } from '../../udp/free-port.fixture.js';
import { checkEventSocket } from './event-socket-check.js';
import { startDouble } from './freeswitch-double.fixture.js';

const secret = 'known-to-both';

async function listening(t: Test, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

const check = (port: number, more: { secret?: string; profile?: string } = {}, withinMs = 2_000): Promise<void> =>
  checkEventSocket({ host: '127.0.0.1', port, secret, profile: 'drachtio_mrf', ...more }, withinMs);

t.test('a FreeSWITCH that has all of it', async (t) => {
  await check((await startDouble(t)).port);
});

for (const [what, options, more, why] of [
  ['another password', {}, { secret: 'another-one' }, /refused the password/u],
  ['no such profile', { profile: 'internal' }, {}, /no SIP profile drachtio_mrf/u],
  ['no mod_audio_fork', { modules: [] }, {}, /has not loaded mod_audio_fork/u],
] as const) {
  t.test(`${what} is said, and no password`, async (t) => {
    const { port } = await startDouble(t, options);
    const failure = await check(port, more).catch((error: unknown) => error as Error);
    t.match(failure, { code: 'ANCHOR_UNREACHABLE', message: why });
    t.match(failure, { message: new RegExp(`FreeSWITCH 127\\.0\\.0\\.1:${port} `, 'u') });
    t.notMatch(String(failure), /known-to-both|another-one/u);
  });
}

for (const [what, serve, why] of [
  ['what closes at once', (socket: Socket) => socket.end(), /closed the connection/u],
  ['what refuses this address', (socket: Socket) => socket.end('Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n'), /apply-inbound-acl/u],
  ['another server', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n\n\n'), /does not ask for a password/u],
  ['a length that is none', (socket: Socket) => socket.write('Content-Type: auth/request\nContent-Length: -5\n\n'), /closed the connection/u],
  ['what never ends', (socket: Socket) => socket.write('x'.repeat(2_000_000)), /closed the connection/u],
  ['what says nothing', () => undefined, /did not answer within 200 ms/u],
] as const) {
  t.test(`${what} is no FreeSWITCH`, async (t) => {
    const port = await listening(t, serve);
    await t.rejects(check(port, {}, 200), { code: 'ANCHOR_UNREACHABLE', message: why });
  });
}

t.test('where nobody listens it is said at once', async (t) => {
  await t.rejects(check(await freePort()), { code: 'ANCHOR_UNREACHABLE', message: /cannot be reached: .*ECONNREFUSED/u });
});
