import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { lostSessionId, objectName, openSite, recordingId, sessionId, token, wav } from './api.fixture.js';
import type { Library, Verification } from './library.js';
import { manifestName } from '../vault/index.js';
import { localLibrary } from './local-library.js';
import { remoteLibrary } from './remote-library.js';
import type { VerifiedStore } from './verify.js';

const site = await openSite();
const remote = remoteLibrary({ baseUrl: site.baseUrl, token });
const failedChecks = ({ checks }: Verification): string[] => checks.filter((check) => !check.ok).map((check) => check.name);

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const contract = async (t: Test, library: Library): Promise<void> => {
  await t.test('lists, with every filter', async (t) => {
    t.match(await library.list({ limit: 10 }), [{ sessionId }, { sessionId: lostSessionId }]);
    t.match(await library.list({ limit: 1, before: 2_000, beforeSession: 'zzz', state: 'complete', party: 'ANNA@' }), [{ sessionId }]);
    t.same(await library.list({ limit: 1, before: 2_000 }), [{ ...(await library.list({ limit: 2 }))[1] }]);
  });
  await t.test('finds by either ID, and nothing by another', async (t) => {
    const found = await library.find(recordingId);
    t.match(found, { sessionId, recordingId, recording: { digest: site.entry.digest }, report: site.entry.report });
    t.same(await library.find(sessionId), found);
    t.equal(await library.find('nobody'), undefined);
    t.equal(await library.find('no/body?x=1#y'), undefined);
  });
  await t.test('gives the audio', async (t) => {
    const { name, bytes } = await library.audio(sessionId);
    t.equal(name, 'recording-1.wav');
    t.ok((await bytesOf(bytes)).equals(wav));
    await t.rejects(library.audio('nobody'), { code: 'RECORDING_UNKNOWN' });
    await t.rejects(library.audio(lostSessionId), { code: 'RECORDING_UNKNOWN', message: /no recorder answered/ });
  });
  await t.test('verifies', async (t) => {
    const verification = await library.verify(sessionId);
    t.match(verification, { id: sessionId, recordingId, ok: true });
    t.same(verification.checks.map((check) => [check.name, check.ok]), [
      ['the manifest bears a valid signature', true],
      ['the manifest is the one of this recording', true],
      ['the stored bytes are the ones that the manifest was signed for', true],
      ['the ledger and the manifest agree on the digest', true],
      ['every chunk of the audio opens, to the last', true],
      ['the audio file is whole', true],
    ]);
    await t.rejects(library.verify('nobody'), { code: 'RECORDING_UNKNOWN' });
  });
};

await t.test('the library of this process', (t) => contract(t, site.library));
await t.test('the library over HTTP', (t) => contract(t, remote));

const objectPath = join(site.vaultDir, objectName);
const manifestPath = join(site.vaultDir, manifestName(objectName));
const untouchedObject = await readFile(objectPath);
const untouchedManifest = await readFile(manifestPath);

await t.test('a changed byte of the audio is told by the digest and by the chunk', async (t) => {
  const touched = Buffer.from(untouchedObject);
  touched[touched.length >> 1]! ^= 1;
  await writeFile(objectPath, touched);
  const verification = await remote.verify(recordingId);
  t.equal(verification.ok, false);
  t.same(failedChecks(verification), [
    'the stored bytes are the ones that the manifest was signed for',
    'every chunk of the audio opens, to the last',
    'the audio file is whole',
  ]);
});

await t.test('audio that lost its end is told', async (t) => {
  await writeFile(objectPath, untouchedObject.subarray(0, -1));
  t.ok(failedChecks(await site.library.verify(recordingId)).includes('every chunk of the audio opens, to the last'));
});

await t.test('another whole object in its place is told by the manifest alone', async (t) => {
  await site.store.put(objectName, [wav]);
  t.same(failedChecks(await site.library.verify(recordingId)), ['the stored bytes are the ones that the manifest was signed for']);
});

await t.test('an object put in its place together with a manifest is told by the ledger', async (t) => {
  const { digest } = await site.store.put(objectName, [wav.subarray(0, -100)]);
  await site.store.putDocument(manifestName(objectName), { recordingId, sessionId, digest });
  t.same(failedChecks(await site.library.verify(recordingId)), [
    'the ledger and the manifest agree on the digest',
    'the audio file is whole',
  ]);
});

await t.test('the manifest of another recording is told, though it is signed', async (t) => {
  await writeFile(objectPath, untouchedObject);
  await site.store.putDocument(manifestName(objectName), { recordingId: 'recording-2', sessionId, digest: site.entry.digest });
  t.same(failedChecks(await site.library.verify(recordingId)), ['the manifest is the one of this recording']);
});

await t.test('a changed manifest is told by its signature', async (t) => {
  await writeFile(manifestPath, untouchedManifest.toString().replace('"durationMs":12500', '"durationMs":12501'));
  t.ok(failedChecks(await site.library.verify(recordingId)).includes('the manifest bears a valid signature'));
  await writeFile(manifestPath, untouchedManifest);
  t.equal((await site.library.verify(recordingId)).ok, true, 'and all is well when it is put back');
});

await t.test('over HTTP a wrong token, nobody there, and somebody else there are failures that say so', async (t) => {
  await t.rejects(remoteLibrary({ baseUrl: site.baseUrl, token: 'wrong' }).find(sessionId), { code: 'API_UNREACHABLE', message: /refuses the token/ });

  const silent = createServer((socket) => void socket.resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  const baseUrl = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`;
  const impatient = remoteLibrary({ baseUrl, token, timeoutMs: 20, verifyTimeoutMs: 20 });
  const asked: readonly (() => Promise<unknown>)[] = [() => impatient.list({ limit: 1 }), () => impatient.audio('x'), () => impatient.verify('x')];
  for (const ask of asked) {
    await t.rejects(ask, { code: 'API_UNREACHABLE', message: /is it running/ });
  }
  silent.close();
  await once(silent, 'close');
  await t.rejects(impatient.find('x'), { code: 'API_UNREACHABLE', message: /ECONNREFUSED/ });
});

await t.test('a recording that is made anew while it is asked for is read, and verified, where it lies now', async (t) => {
  const other = objectName.replace('recording-1', 'recording-1-2');
  let lies = objectName;
  let whenAsked = (): Promise<void> => Promise.resolve();
  const makeAnew = async (): Promise<void> => {
    whenAsked = () => Promise.resolve();
    const before = lies;
    lies = before === objectName ? other : objectName;
    const { digest, sealedBytes } = await site.store.put(lies, [wav]);
    await site.store.putDocument(manifestName(lies), { recordingId, sessionId, digest, sealedBytes, report: site.entry.report });
    await site.ledger.putRecording({ ...site.entry, objectName: lies, digest, sealedBytes });
    for (const name of [before, manifestName(before)]) await site.store.remove(name);
  };
  const store: VerifiedStore = {
    digest: (name) => site.store.digest(name),
    async readDocument(name) {
      await whenAsked();
      return site.store.readDocument(name);
    },
    async *read(name) {
      await whenAsked();
      yield* site.store.read(name);
    },
  };
  const library = localLibrary(site.ledger, store, site.keys.public);
  whenAsked = makeAnew;
  t.ok((await bytesOf((await library.audio(sessionId)).bytes)).equals(wav));
  t.equal(lies, other);
  whenAsked = makeAnew;
  t.match(await library.verify(sessionId), { ok: true });
  t.equal(lies, objectName);
});

await site.close();
