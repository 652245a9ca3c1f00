import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { edge } from '../edge/transport/test-certificates.fixture.js';
import { tlsFiles } from '../edge/transport/tls-files.fixture.js';
import { openAudioSockets, type AudioSeat, type AudioSockets, type SocketReject } from './audio-sockets.js';

const greeting = JSON.stringify({ sessionId: 's', parties: ['caller', 'callee'] });

interface Bed {
  readonly sockets: AudioSockets;
  readonly seat: AudioSeat;
  readonly rejects: SocketReject[];
  /** What came, of each connection that came in. */
  readonly taken: Buffer[][];
  readonly gone: Promise<void>;
}

async function openBed(t: Test, more: { connectWithinMs?: number; mostConnections?: number } = {}): Promise<Bed> {
  const rejects: SocketReject[] = [];
  const taken: Buffer[][] = [];
  const sockets = await openAudioSockets({
    settings: { host: '127.0.0.1', port: 0, connectWithinMs: 5_000, mostConnections: 20, ...more },
    onReject: (reason) => rejects.push(reason),
  });
  t.teardown(() => sockets.close());
  let tell: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (tell = resolve));
  const seat = sockets.seat({
    sessionId: 's',
    parties: ['caller', 'callee'],
    onOpen: () => {
      const own: Buffer[] = [];
      taken.push(own);
      return (samples) => own.push(samples);
    },
    onGone: () => tell(),
  });
  return { sockets, seat, rejects, taken, gone };
}

/** Resolves when it stands. */
async function open(uri: string): Promise<WebSocket> {
  const socket = new WebSocket(uri, 'audio.drachtio.org');
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return socket;
}

/** How the server ends it: the code of the close, or the status of the refusal. */
const endOf = (socket: WebSocket): Promise<number> =>
  new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('close', (code) => resolve(code));
    socket.on('error', () => undefined);
  });

/** The server has read what was sent before. */
async function settled(socket: WebSocket): Promise<void> {
  socket.ping();
  await once(socket, 'pong');
}

t.test('who has the token and names the session is listened to: binary messages are samples, texts are not', async (t) => {
  const { seat, taken, rejects } = await openBed(t);
  const uri = seat.invite();
  t.match(uri, /^ws:\/\/127\.0\.0\.1:\d+\/audio\/[-\w]{32}$/u);
  const socket = await open(uri);
  t.equal(socket.protocol, 'audio.drachtio.org', 'what mod_audio_fork asks for');
  socket.send(greeting);
  socket.send(Buffer.from('abcd'));
  socket.send('{"end":true}');
  socket.send(Buffer.from('efgh'));
  await settled(socket);
  t.strictSame(taken.map((one) => Buffer.concat(one).toString()), ['abcdefgh']);
  t.strictSame(rejects, []);
});

t.test('a token that nobody gave is not found, and nor is any other path or request', async (t) => {
  const { seat, rejects, sockets } = await openBed(t);
  const uri = seat.invite();
  t.equal(await endOf(new WebSocket(`${uri}x`)), 404);
  t.equal(await endOf(new WebSocket(sockets.where)), 404);
  t.strictSame(rejects, ['unknown-source', 'unknown-source']);
  const [response] = (await once(request(uri.replace('ws:', 'http:')).end(), 'response')) as [{ statusCode: number; resume(): void }];
  response.resume();
  t.equal(response.statusCode, 404);
});

t.test('a token lets nobody in once its time is over, and none after the session; the time begins anew when the client is told again', async (t) => {
  const { seat, gone } = await openBed(t, { connectWithinMs: 50 });
  const uri = seat.invite();
  await gone;
  t.equal(await endOf(new WebSocket(uri)), 404);
  t.equal(seat.invite(), uri);
  const socket = await open(uri);
  seat.close();
  t.equal(await endOf(new WebSocket(uri)), 404);
  socket.terminate();
});

for (const [what, first] of [
  ['another session', JSON.stringify({ sessionId: 'other', parties: ['caller', 'callee'] })],
  ['other parties', JSON.stringify({ sessionId: 's', parties: ['callee', 'caller'] })],
  ['fewer parties', JSON.stringify({ sessionId: 's', parties: ['caller'] })],
  ['no parties', JSON.stringify({ sessionId: 's' })],
  ['nothing', 'null'],
  ['no JSON', '{'],
  ['samples', Buffer.from('abcd')],
] as const) {
  t.test(`who says ${what} first is sent away`, async (t) => {
    const { seat, taken, rejects } = await openBed(t);
    const socket = await open(seat.invite());
    const end = endOf(socket);
    socket.send(first);
    t.equal(await end, 1008);
    t.strictSame([taken, rejects], [[], ['unknown-source']]);
  });
}

t.test('who says nothing is cut off in time, and the session told that no audio comes', async (t) => {
  const { seat, gone } = await openBed(t, { connectWithinMs: 100 });
  const socket = await open(seat.invite());
  t.equal(await endOf(socket), 1006);
  await gone;
});

t.test('the session is told when its audio is gone and does not come back; it may come back', async (t) => {
  const { seat, taken, gone } = await openBed(t, { connectWithinMs: 300 });
  const first = await open(seat.invite());
  first.send(greeting);
  await settled(first);
  first.terminate();
  const second = await open(seat.invite());
  second.send(greeting);
  second.send(Buffer.from('abcd'));
  await settled(second);
  t.strictSame(taken.map((one) => Buffer.concat(one).toString()), ['', 'abcd']);
  second.close();
  await gone;
});

t.test('another that comes in takes the place of the one before', async (t) => {
  const { seat, taken } = await openBed(t);
  const uri = seat.invite();
  const [first, second] = [await open(uri), await open(uri)];
  const end = endOf(first);
  first.send(greeting);
  await settled(first);
  second.send(greeting);
  t.equal(await end, 1000);
  second.send(Buffer.from('abcd'));
  await settled(second);
  t.strictSame(taken.map((one) => Buffer.concat(one).toString()), ['', 'abcd']);
});

t.test('a message longer than any switch sends ends the connection, and harms no other', async (t) => {
  const { seat, rejects } = await openBed(t);
  const socket = await open(seat.invite());
  const end = endOf(socket);
  socket.send(greeting);
  socket.send(Buffer.alloc(256 * 1024 + 1));
  t.equal(await end, 1009);
  t.strictSame(rejects, ['malformed']);
  await open(seat.invite()).then((other) => other.terminate());
});

t.test('more connections than are allowed are turned away', async (t) => {
  const { seat } = await openBed(t, { mostConnections: 1 });
  const uri = seat.invite();
  const socket = await open(uri);
  const { port, hostname } = new URL(uri);
  const other = connect(Number(port), hostname);
  other.on('error', () => undefined);
  await once(other, 'close');
  socket.terminate();
});

t.test('an address that is taken and a certificate that is none are said', async (t) => {
  const { sockets } = await openBed(t);
  const port = Number(new URL(sockets.where).port);
  const settings = { host: '127.0.0.1', port, connectWithinMs: 5_000, mostConnections: 20 };
  await t.rejects(openAudioSockets({ settings, onReject: () => undefined }), { code: 'HTTP_LISTEN', message: new RegExp(`127\\.0\\.0\\.1:${port}`, 'u') });
  const dir = t.testdir();
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  writeFileSync(certFile, 'none');
  writeFileSync(keyFile, 'none');
  await t.rejects(openAudioSockets({ settings: { ...settings, port: 0, tls: { certFile, keyFile } }, onReject: () => undefined }), { code: 'EDGE_TLS' });
});

t.test('by TLS, under the name that is in the certificate', async (t) => {
  const { certFile, keyFile } = tlsFiles(t, edge).settings;
  const sockets = await openAudioSockets({ settings: { host: '127.0.0.1', publicHost: 'localhost', port: 0, tls: { certFile, keyFile }, connectWithinMs: 5_000, mostConnections: 20 }, onReject: () => undefined });
  t.teardown(() => sockets.close());
  const taken: Buffer[] = [];
  const seat = sockets.seat({ sessionId: 's', parties: ['caller', 'callee'], onOpen: () => (samples) => taken.push(samples), onGone: () => undefined });
  const uri = seat.invite();
  t.match(uri, /^wss:\/\/localhost:\d+\/audio\//u);
  const socket = new WebSocket(uri, { rejectUnauthorized: false });
  await once(socket, 'open');
  socket.send(greeting);
  socket.send(Buffer.from('abcd'));
  await settled(socket);
  t.equal(Buffer.concat(taken).toString(), 'abcd');
});
