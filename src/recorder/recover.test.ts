import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeEntry, journalMagic } from '../capture/journal-format.js';
import type { CaptureEntry, Found } from '../ledger/index.js';
import { captureFileName } from './capture-name.js';
import { recoverCaptures, type RecoverOptions } from './recover.js';

/** A ledger of captures in memory, which refuses to close one that it does not know. */
function fakeLedger(...known: CaptureEntry[]) {
  const captures = new Map(known.map((capture) => [capture.captureId, capture]));
  const ledger: RecoverOptions['ledger'] = {
    captureOpened: (capture) => {
      captures.set(capture.captureId, { ...capture, state: 'open', reason: '', packets: 0, bytes: 0 });
      return Promise.resolve();
    },
    captureClosed: (captureId, { atMs, reason = '', ...end }) => {
      const capture = captures.get(captureId);
      if (capture === undefined) return Promise.reject(new Error('unknown capture'));
      captures.set(captureId, { ...capture, ...end, reason, closedAtMs: atMs });
      return Promise.resolve();
    },
    captureWhole: (captureId, { bytes }) => {
      const capture = captures.get(captureId);
      if (capture === undefined || capture.state === 'open') return Promise.resolve(false);
      const { moreFollows: _followed, ...others } = capture;
      captures.set(captureId, { ...others, bytes });
      return Promise.resolve(true);
    },
    capturesLeftOpen: (recorder) => Promise.resolve([...captures.values()].filter((one) => one.recorder === recorder && (one.state === 'open' || one.moreFollows === true))),
    find: (sessionId) => {
      const own = [...captures.values()].filter((one) => one.sessionId === sessionId);
      const found: Found = { sessionId, state: 'pending', reason: '', startedAtMs: 0, caller: '', callee: '', calls: [], captures: own };
      return Promise.resolve(own.length === 0 ? undefined : found);
    },
  };
  return { ledger, captures };
}

const entry = (dir: string, sessionId: string, fields: Partial<CaptureEntry> = {}): CaptureEntry => {
  const captureId = randomUUID();
  return { captureId, sessionId, recorder: 'r1', path: join(dir, captureFileName(captureId, sessionId)), openedAtMs: 1, state: 'open', reason: '', packets: 0, bytes: 0, ...fields };
};

t.test('a capture that the ledger has open is closed as cut, with what its file holds', async (t) => {
  const dir = t.testdir();
  const [left, gone, other] = [entry(dir, 's1'), entry(dir, 's2'), entry(dir, 's3', { recorder: 'r2' })];
  writeFileSync(left.path, 'x'.repeat(77));
  const { ledger, captures } = fakeLedger(left, gone, other);
  t.strictSame((await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger })).map((one) => one.sessionId), ['s1', 's2']);
  t.match(captures.get(left.captureId), { state: 'cut', bytes: 77 });
  t.match(captures.get(gone.captureId), { state: 'cut', bytes: 0 });
  t.match(captures.get(other.captureId), { state: 'open' }, 'another recorder\'s is left alone');
});

t.test('a file that the ledger never heard of is entered, and the file stays as it is', async (t) => {
  const dir = t.testdir({ 'notes.txt': 'x' });
  const path = join(dir, captureFileName(randomUUID(), 'forgotten/session'));
  writeFileSync(path, 'y'.repeat(33));
  const { ledger, captures } = fakeLedger();
  t.strictSame((await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger })).map((one) => one.sessionId), ['forgotten/session']);
  t.match([...captures.values()], [{ sessionId: 'forgotten/session', recorder: 'r1', path, state: 'cut', bytes: 33, closedAtMs: statSync(path).mtimeMs }]);
  t.equal(captures.size, 1);
  t.equal(readFileSync(path, 'utf8'), 'y'.repeat(33));
  t.strictSame(await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger }), [], 'once');
});

t.test('what is closed in the ledger is left alone; a second capture of the same session is not overlooked', async (t) => {
  const dir = t.testdir();
  const closed = entry(dir, 's1', { state: 'closed', packets: 5 });
  writeFileSync(closed.path, 'x');
  const second = join(dir, captureFileName(randomUUID(), 's1'));
  writeFileSync(second, 'xx');
  const { ledger, captures } = fakeLedger(closed);
  t.strictSame((await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger })).map((one) => one.sessionId), ['s1']);
  t.match(captures.get(closed.captureId), { state: 'closed', packets: 5 });
  t.strictSame([...captures.values()].map(({ path }) => path), [closed.path, second]);
});

t.test('at the first start there is nothing, not even a folder', async (t) => {
  const dir = t.testdir();
  mkdirSync(join(dir, 'empty'));
  for (const captureDir of [join(dir, 'none'), join(dir, 'empty')]) {
    t.strictSame(await recoverCaptures({ recorder: 'r1', captureDir, ledger: fakeLedger().ledger }), []);
  }
});

t.test('a capture that was closed without what its journal still held is stitched again', async (t) => {
  const dir = t.testdir();
  const known = entry(dir, 's1', { state: 'cut', packets: 5, reason: 'the disk was full', closedAtMs: 9 });
  const name = captureFileName(known.captureId, 's1');
  writeFileSync(known.path, 'abc');
  const bytes = Buffer.from('more');
  writeFileSync(join(dir, 'journal-000000000001'), Buffer.concat([journalMagic, encodeEntry(Buffer.from(name), 3, bytes)]));
  const { ledger, captures } = fakeLedger(known);
  t.strictSame((await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger })).map((one) => one.captureId), [known.captureId]);
  t.match(captures.get(known.captureId), { state: 'cut', packets: 5, bytes: 7, reason: 'the disk was full' });
  t.equal(readFileSync(known.path, 'utf8'), 'abcmore');
});

t.test('a capture of which more was to follow when its recorder ended is whole at its next start, whatever the journal still has', async (t) => {
  const dir = t.testdir();
  const known = entry(dir, 's1', { state: 'cut', packets: 5, reason: 'the disk was full', closedAtMs: 9, moreFollows: true });
  writeFileSync(known.path, 'abc');
  const { ledger, captures } = fakeLedger(known);
  t.strictSame((await recoverCaptures({ recorder: 'r1', captureDir: dir, ledger })).map((one) => one.captureId), [known.captureId]);
  t.match(captures.get(known.captureId), { state: 'cut', packets: 5, bytes: 3, reason: 'the disk was full' });
  t.notOk(captures.get(known.captureId)?.moreFollows);
});
