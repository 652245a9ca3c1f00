import { connect } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { lostSessionId, objectName, openSite, recordingId, report, sessionId, token, wav } from './api.fixture.js';
import { openHttp } from './http.js';
import type { Library } from './library.js';
import { remoteLibrary } from './remote-library.js';

const site = await openSite();
const { baseUrl, options, library } = site;
const authorization = `Bearer ${token}`;
const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${baseUrl}${path}`, { headers: { authorization }, ...init });

/** A server over a library of which only one function works. */
const openWith = (part: Partial<Library>) => openHttp({ ...options, token, library: { ...library, ...part } });

await t.test('health is 200 while the product serves, 503 when it does not, and needs no token', async (t) => {
  const well = await fetch(`${baseUrl}/health`);
  t.equal(well.status, 200);
  t.match(await well.json(), { status: 'ok', version: '1.2.3', checks: {} });
  const takeOut = site.health.register('ledger', () => new Promise(() => undefined));
  const ill = await fetch(`${baseUrl}/health`);
  t.equal(ill.status, 503);
  t.match(await ill.json(), { status: 'failing', checks: { ledger: { ok: false } } });
  takeOut();
});

await t.test('metrics are in the text form of Prometheus', async (t) => {
  const response = await fetch(`${baseUrl}/metrics`);
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(await response.text(), /^twintrack_calls_active 0$/m);
});

await t.test('nothing under /v1 is given without the token', async (t) => {
  for (const [method, path] of [
    ['GET', '/v1/recordings'],
    ['GET', `/v1/recordings/${recordingId}`],
    ['GET', `/v1/recordings/${recordingId}/audio`],
    ['POST', `/v1/recordings/${recordingId}/verify`],
    ['GET', '/%761/recordings'],
    ['GET', '/v1/recordings?nonsense=1'],
  ] as const) {
    for (const given of [undefined, '', 'Bearer', 'Bearer ', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token]) {
      const response = await fetch(`${baseUrl}${path}`, { method, headers: given === undefined ? {} : { authorization: given } });
      t.equal(response.status, 401, `${method} ${path} with ${String(given)}`);
      t.match(await response.json(), { code: 'UNAUTHORIZED' });
      t.match(response.headers.get('www-authenticate'), /^Bearer/);
    }
  }
});

await t.test('the list is newest first, filtered, and refuses what it does not know', async (t) => {
  t.match(await (await get('/v1/recordings')).json(), [{ sessionId, recordingId, state: 'complete' }, { sessionId: lostSessionId, state: 'lost' }]);
  t.match(await (await get('/v1/recordings?limit=1&before=2000&state=lost&party=X%40')).json(), [{ reason: 'no recorder answered' }]);
  for (const query of ['?sort=up', '?limit=0', '?state=open', '?party=a&party=b']) {
    const response = await get(`/v1/recordings${query}`);
    t.equal(response.status, 400, query);
    t.match(await response.json(), { code: 'BAD_REQUEST', message: /./ });
  }
  t.equal((await get(`/v1/recordings/${recordingId}?verbose=1`)).status, 400);
});

await t.test('a recording is shown by either ID with its report and what the ledger knows', async (t) => {
  for (const id of [recordingId, sessionId]) {
    const response = await get(`/v1/recordings/${id}`);
    t.equal(response.status, 200);
    t.match(await response.json(), { recordingId, report, recording: { objectName }, calls: [], captures: [] });
  }
});

await t.test('an ID that does not exist is 404 with code and message', async (t) => {
  for (const [method, path] of [['GET', ''], ['GET', '/audio'], ['POST', '/verify']] as const) {
    const response = await get(`/v1/recordings/nobody${path}`, { method });
    t.equal(response.status, 404, path);
    t.match(await response.json(), { code: 'RECORDING_UNKNOWN', message: /nobody/ });
  }
  t.equal((await get(`/v1/recordings/${'x'.repeat(500)}`)).status, 404);
  for (const [path, status] of [[`/v1/recordings/${'x'.repeat(600)}`, 414], ['/v1/recordings/%zz', 400]] as const) {
    const response = await get(path);
    t.equal(response.status, status);
    t.match(await response.json(), { code: 'BAD_REQUEST' });
  }
  t.match(await (await get('/v2')).json(), { code: 'NOT_FOUND' });
});

await t.test('a session without audio says why there is none', async (t) => {
  const response = await get(`/v1/recordings/${lostSessionId}/audio`);
  t.equal(response.status, 404);
  t.match(await response.json(), { code: 'RECORDING_UNKNOWN', message: /no audio, its state is lost: no recorder answered/ });
});

await t.test('audio comes decrypted, byte for byte, as a file to save', async (t) => {
  const response = await get(`/v1/recordings/${sessionId}/audio`);
  t.equal(response.headers.get('content-type'), 'audio/wav');
  t.equal(response.headers.get('content-disposition'), 'attachment; filename="recording-1.wav"');
  t.ok(Buffer.from(await response.arrayBuffer()).equals(wav));
});

await t.test('audio that cannot be read at all is an error with its code, not a broken file', async (t) => {
  const server = await openWith({
    audio: () =>
      Promise.resolve({
        name: 'x.wav',
        bytes: (async function* () {
          yield* [] as Buffer[];
          await Promise.reject(new Failure('VAULT_READ', 'the object is missing'));
        })(),
      }),
  });
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/recordings/1/audio`, { headers: { authorization } });
  t.equal(response.status, 500);
  t.match(await response.json(), { code: 'VAULT_READ', message: 'the object is missing' });
  await server.close();
});

await t.test('audio that breaks in the middle breaks the connection, so that no half passes for a whole', async (t) => {
  const server = await openWith({
    audio: () =>
      Promise.resolve({
        name: 'x.wav',
        bytes: (async function* () {
          yield await Promise.resolve(Buffer.alloc(10_000));
          throw new Failure('VAULT_READ', 'chunk 2 is damaged');
        })(),
      }),
  });
  const remote = remoteLibrary({ baseUrl: `http://127.0.0.1:${server.port}`, token });
  await t.rejects(fetch(`http://127.0.0.1:${server.port}/v1/recordings/1/audio`, { headers: { authorization } }).then((response) => response.arrayBuffer()));
  const { bytes } = await remote.audio('1');
  await t.rejects(
    async () => {
      for await (const piece of bytes) t.ok(piece.length > 0);
    },
    { code: 'API_UNREACHABLE' },
  );
  t.match(site.logged.join(''), /could not be sent to its end/);
  await server.close();
});

await t.test('who stops listening to audio ends its reading', async (t) => {
  let ended: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (ended = resolve));
  const server = await openWith({
    audio: () =>
      Promise.resolve({
        name: 'x.wav',
        bytes: (async function* () {
          try {
            for (;;) yield await Promise.resolve(Buffer.alloc(65_536));
          } finally {
            ended();
          }
        })(),
      }),
  });
  const { bytes } = await remoteLibrary({ baseUrl: `http://127.0.0.1:${server.port}`, token }).audio('1');
  for await (const piece of bytes) {
    t.ok(piece.length > 0);
    break;
  }
  await closed;
  await server.close();
});

await t.test('of a bug the client learns nothing, the log does', async (t) => {
  const server = await openWith({ list: () => Promise.reject(new TypeError('internal detail')) });
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/recordings`, { headers: { authorization } });
  t.equal(response.status, 500);
  const body = await response.text();
  t.notMatch(body, /detail/);
  t.match(JSON.parse(body), { code: 'INTERNAL' });
  t.match(site.logged.join(''), /internal detail/);
  await server.close();
});

await t.test('a ledger that does not answer is 503', async (t) => {
  const server = await openWith({ list: () => Promise.reject(new Failure('LEDGER_UNAVAILABLE', 'the ledger is down')) });
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/recordings`, { headers: { authorization } });
  t.equal(response.status, 503);
  t.match(await response.json(), { code: 'LEDGER_UNAVAILABLE' });
  await server.close();
});

await t.test('too large a body is refused, and a client that talks nonsense hurts nobody', async (t) => {
  const response = await get(`/v1/recordings/${recordingId}/verify`, { method: 'POST', body: 'x'.repeat(65_537), headers: { authorization, 'content-type': 'application/json' } });
  t.equal(response.status, 413);
  t.match(await response.json(), { code: 'BAD_REQUEST' });
  const socket = connect(site.http.port, '127.0.0.1');
  socket.end('GARBAGE\0\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  t.equal((await fetch(`${baseUrl}/health`)).status, 200);
});

await t.test('without a library there is no /v1; with a library and no token nobody gets in', async (t) => {
  const bare = await openHttp(options);
  t.equal((await fetch(`http://127.0.0.1:${bare.port}/v1/recordings`, { headers: { authorization } })).status, 404);
  t.equal((await fetch(`http://127.0.0.1:${bare.port}/health`)).status, 200);
  const locked = await openHttp({ ...options, library });
  for (const given of ['Bearer', 'Bearer undefined', 'Bearer  ']) {
    t.equal((await fetch(`http://127.0.0.1:${locked.port}/v1/recordings`, { headers: { authorization: given } })).status, 401);
  }
  await Promise.all([bare.close(), locked.close()]);
});

await t.test('an address in use is a failure that names it', async (t) => {
  await t.rejects(openHttp({ ...options, port: site.http.port }), { message: new RegExp(`port ${site.http.port}.*EADDRINUSE`) });
});

await t.test('neither the token nor what was searched for reaches the log', (t) => {
  t.notMatch(site.logged.join(''), token);
  t.notMatch(site.logged.join(''), /party|X%40/);
  t.end();
});

await site.close();
