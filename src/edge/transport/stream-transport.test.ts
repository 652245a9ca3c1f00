import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { standardLimits, type ConnectionLimits } from './connection-limits.js';
import type { Path } from './path.js';
import { standingClock } from './standing-clock.fixture.js';
import { openStream } from './stream-transport.js';

async function open(t: Test, limits: Partial<ConnectionLimits> = {}) {
  const clock = standingClock();
  const arrived: { readonly text: string; readonly path: Path }[] = [];
  const broken: string[] = [];
  const transport = await openStream({
    host: '127.0.0.1', port: 0, clock, limits: { ...standardLimits, ...limits },
    arrived: (text, path) => arrived.push({ text, path }),
    broken: (reason) => broken.push(reason),
  });
  t.teardown(() => transport.close());
  const dial = async (from = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port: transport.bound.port, host: '127.0.0.1', localAddress: from });
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    const armed = clock.armed;
    socket.resume();
    await once(socket, 'connect');
    // Accepted, and given its first deadline; or closed at once.
    await until(() => clock.armed > armed || socket.closed);
    return socket;
  };
  return { transport, clock, arrived, broken, dial };
}

/** Lets the sockets of this process have their turns until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 20_000) throw new Error('it does not come to hold');
    await turn();
  }
}

/** Writes, and gives the other side its turns to read it. */
async function say(socket: Socket, text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.write(text, 'latin1', () => resolve());
  });
  for (let i = 0; i < 20; i += 1) await turn();
}

const message = 'OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n';

t.test('a client that sends a byte a second is cut 30 s after its message began, however busy it seems', async (t) => {
  const { clock, dial, arrived } = await open(t);
  const socket = await dial();
  await say(socket, message);
  await until(() => arrived.length === 1);
  let seconds = 0;
  for (; seconds < 40 && !socket.closed; seconds += 1) {
    await say(socket, 'O');
    clock.advance(1_000);
    for (let i = 0; i < 20; i += 1) await turn();
  }
  t.ok(seconds >= 30 && seconds <= 32, `${seconds} s`);
  t.equal(arrived.length, 1);
});

t.test('each message has its own 30 s: a client that is slow and comes to an end each time stays', async (t) => {
  const { clock, dial, arrived } = await open(t);
  const socket = await dial();
  for (let i = 0; i < 3; i += 1) {
    await say(socket, message.slice(0, 9));
    clock.advance(20_000);
    await say(socket, message.slice(9));
    await until(() => arrived.length === i + 1);
  }
  await say(socket, message.slice(0, 9));
  clock.advance(20_000);
  await say(socket, message.slice(9) + message.slice(0, 9));
  await until(() => arrived.length === 4);
  clock.advance(20_000);
  await say(socket, message.slice(9));
  await until(() => arrived.length === 5);
  t.equal(clock.armed, 0, 'no deadline is left');
});

t.test('a client that never begins a message is cut after 30 s, whatever keep-alives it sends', async (t) => {
  const { clock, dial } = await open(t);
  const [silent, pinging] = [await dial(), await dial()];
  clock.advance(20_000);
  await say(pinging, '\r\n\r\n');
  clock.advance(9_999);
  for (let i = 0; i < 20; i += 1) await turn();
  t.notOk(silent.closed || pinging.closed);
  clock.advance(1);
  await until(() => silent.closed && pinging.closed);
});

t.test('line ends after a message are not the beginning of another', async (t) => {
  const { clock, dial, arrived } = await open(t);
  const socket = await dial();
  await say(socket, `${message}\r\n`);
  await until(() => arrived.length === 1);
  clock.advance(60_000);
  await say(socket, message);
  await until(() => arrived.length === 2);
  t.notOk(socket.closed);
});

t.test('one source has a share of the connections and not all of them', async (t) => {
  const { clock, dial, arrived } = await open(t, { maxConnections: 6, maxPerSource: 3 });
  const greedy = [await dial(), await dial(), await dial()];
  t.ok((await dial()).closed);
  const other = await dial('127.0.0.2');
  await say(other, message);
  await until(() => arrived.length === 1);
  t.equal(arrived[0]?.path.address, '127.0.0.2');
  const armed = clock.armed;
  greedy[0]?.destroy();
  await until(() => clock.armed < armed);
  t.notOk((await dial()).closed, 'what is closed makes room');
});

t.test('beyond all connections neither side opens another', async (t) => {
  const { dial, transport } = await open(t, { maxConnections: 2 });
  t.notOk((await dial()).closed || (await dial('127.0.0.2')).closed);
  t.ok((await dial('127.0.0.3')).closed);
  t.equal(transport.path('127.0.0.1', 9), undefined);
});

t.test('a peer that takes no connection: what waited for the connection is told to have failed', async (t) => {
  const { transport, clock } = await open(t);
  const path = transport.path('127.0.0.1', 1);
  const causes: string[] = [];
  path?.send(message, (cause) => causes.push(cause));
  await until(() => causes.length === 1);
  t.strictSame(causes, ['ECONNREFUSED']);
  t.equal(path?.open, false);
  t.equal(clock.armed, 0);
});

t.test('a connection that is accepted and ends without a word has delivered nothing', async (t) => {
  const { transport } = await open(t);
  const server = createServer((socket) => {
    socket.once('data', () => socket.destroy());
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const at = server.address();
  const path = transport.path('127.0.0.1', typeof at === 'object' && at !== null ? at.port : 0);
  const causes: string[] = [];
  path?.send(message, (cause) => causes.push(cause));
  await until(() => causes.length === 1);
});

t.test('a peer that sends keep-alives and does not read is cut before it costs memory', async (t) => {
  const { dial, arrived } = await open(t, { unsentBytes: 20_000 });
  const socket = await dial();
  socket.pause();
  await say(socket, message);
  await until(() => arrived.length === 1);
  const pings = '\r\n\r\n'.repeat(16_384);
  for (let i = 0; i < 2_000 && !socket.closed; i += 1) await say(socket, pings).catch(() => undefined);
  t.ok(socket.closed);
});
