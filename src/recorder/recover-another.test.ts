import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { CaptureJournal, openCaptureWriter, readCapture, type CaptureWriter } from '../capture/index.js';
import { limitFiles } from '../capture/full-disk.fixture.js';
import { furnishLedger } from '../ledger/ledger-template.fixture.js';
import { openLedger, type CaptureEntry } from '../ledger/index.js';
import { loadOrCreateKeys } from '../vault/index.js';
import { captureFileName } from './capture-name.js';
import { copyCaptures } from './copy-captures.js';
import { recoverAnother } from './recover-another.js';
import { recoverCaptures } from './recover.js';
import { watchRecorders, type WatchOptions } from './watch-recorders.js';
import { openSignsOfLife } from './signs-of-life.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
await furnishLedger(join(home, 'ledger'));
const ledger = await openLedger({ dir: join(home, 'ledger') });
t.teardown(() => ledger.close());

const never = 1e8;
const silentLog = { warn: () => undefined, error: () => undefined };

interface Written {
  readonly captureId: string;
  readonly sessionId: string;
  readonly path: string;
  readonly writer: CaptureWriter;
}

/** A recorder's folder with a journal that nothing leaves by itself. */
function openFolder(t: Test, settleMs = never) {
  const recorder = `r-${randomUUID()}`;
  const root = t.testdir();
  const folder = join(root, recorder);
  mkdirSync(folder);
  const journal = new CaptureJournal(folder, { settleMs, syncWithinMs: 0 });
  return {
    recorder,
    root,
    folder,
    journal,
    async write(packets: number, known = true): Promise<Written> {
      const [captureId, sessionId] = [randomUUID(), randomUUID()];
      const path = join(folder, captureFileName(captureId, sessionId));
      const writer = await openCaptureWriter(path, keys.public, { captureId, sessionId, recorder, metadata: {} }, { journal });
      for (let n = 0; n < packets; n += 1) writer.packet(0, 1_000 + n, false, Buffer.alloc(172, n));
      await writer.flush();
      if (known) await ledger.captureOpened({ captureId, sessionId, recorder, path, openedAtMs: 1_000 });
      return { captureId, sessionId, path, writer };
    },
    /** Name and content of all that is in it. */
    state: () => readdirSync(folder).sort().map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
    close: async ({ writer, captureId }: Written): Promise<void> => {
      const { packets, writtenBytes } = await writer.close('done');
      await ledger.captureClosed(captureId, { state: 'closed', atMs: 2_000, packets, bytes: writtenBytes });
    },
  };
}

const packetsIn = async (path: string): Promise<number> => {
  let packets = 0;
  for await (const record of readCapture(path, keys)) if (record.kind === 'packet') packets += 1;
  return packets;
};
const entryOf = async ({ sessionId }: Written): Promise<CaptureEntry | undefined> => (await ledger.find(sessionId))?.captures[0];
const recover = ({ recorder, folder }: { recorder: string; folder: string }) => recoverAnother({ recorder, folder, ledger, now: () => 5_000 });

t.test('what a recorder that is gone had written is whole in a copy that stands for it, and its own folder stays as it is, byte by byte', async (t) => {
  const bed = openFolder(t);
  const [open, unknown, closed] = [await bed.write(30), await bed.write(20, false), await bed.write(10)];
  await bed.close(closed);
  const before = bed.state();
  t.strictSame((await recover(bed)).map(({ captureId }) => captureId).sort(), [open.captureId, unknown.captureId].sort());
  t.strictSame(bed.state(), before);
  const copy = `${bed.folder}~1`;
  t.strictSame(readdirSync(copy).sort(), [open, unknown].map(({ captureId, sessionId }) => captureFileName(captureId, sessionId)).sort(), 'no more than is needed');
  for (const [written, packets] of [[open, 30], [unknown, 20]] as const) {
    const entry = await entryOf(written);
    t.match(entry, { state: 'cut', recorder: bed.recorder, path: join(copy, captureFileName(written.captureId, written.sessionId)), reason: '' });
    t.equal(await packetsIn(entry?.path ?? ''), packets);
    t.equal(readFileSync(entry?.path ?? '').length, entry?.bytes);
  }
  t.match(await entryOf(closed), { state: 'closed', path: closed.path });
  t.strictSame(await recover(bed), [], 'once');

  for (let n = 0; n < 5; n += 1) open.writer.packet(0, 2_000 + n, false, Buffer.alloc(172, n));
  await bed.close(open);
  t.match(await entryOf(open), { state: 'closed', path: open.path, packets: 35 }, 'it had only been cut off, and what it says takes the place');
  t.equal(await packetsIn(open.path), 35);
  t.match(await entryOf(unknown), { state: 'cut', path: join(copy, captureFileName(unknown.captureId, unknown.sessionId)) });
  await bed.close(unknown);
  await bed.journal.close();
});

t.test('while it still writes and its journal goes round, a copy has all that was written before it was begun', async (t) => {
  const bed = openFolder(t, 20);
  const written = await bed.write(1);
  let stop = false;
  const writing = (async () => {
    for (let n = 1; !stop; n += 1) {
      written.writer.packet(0, 1_000 + n, false, Buffer.alloc(172, n));
      await written.writer.flush();
    }
  })();
  for (let round = 1; round <= 5; round += 1) {
    const before = written.writer.stats.writtenPackets;
    const copy = await copyCaptures(bed.folder, [basename(written.path)]);
    const held = await packetsIn(join(copy, basename(written.path)));
    t.ok(held >= before, `${held} of ${before}`);
  }
  stop = true;
  await writing;
  await bed.close(written);
  await bed.journal.close();
});

t.test('what a recorder finds when it starts again takes the place of the copy; where it finds nothing the copy stays', async (t) => {
  const bed = openFolder(t);
  const [there, gone] = [await bed.write(3), await bed.write(4)];
  await recover(bed);
  const copy = await entryOf(gone);
  await there.writer.close('');
  await gone.writer.close('');
  await bed.journal.close();
  rmSync(gone.path);
  t.strictSame((await recoverCaptures({ recorder: bed.recorder, captureDir: bed.folder, ledger })).map(({ captureId }) => captureId), [there.captureId]);
  t.match(await entryOf(there), { state: 'cut', path: there.path });
  t.match(await entryOf(gone), { state: 'cut', path: copy?.path });
});

t.test('a capture of which there is no file keeps nothing waiting', async (t) => {
  const bed = openFolder(t);
  const [captureId, sessionId] = [randomUUID(), randomUUID()];
  await ledger.captureOpened({ captureId, sessionId, recorder: bed.recorder, path: join(bed.folder, 'never'), openedAtMs: 1 });
  t.strictSame((await recover(bed)).map((each) => each.captureId), [captureId]);
  t.match((await ledger.find(sessionId))?.captures, [{ state: 'cut', bytes: 0 }]);
  t.notOk(existsSync(`${bed.folder}~1`));
});

t.test('where the copy finds no room nothing has changed, and no half copy is left', async (t) => {
  const bed = openFolder(t);
  const written = await bed.write(400);
  t.teardown(() => limitFiles(process.pid, undefined));
  limitFiles(process.pid, 1_000);
  await t.rejects(recover(bed), { code: 'CAPTURE_WRITE', message: /cannot be copied/ });
  limitFiles(process.pid, undefined);
  t.strictSame(readdirSync(bed.root), [bed.recorder]);
  t.match(await entryOf(written), { state: 'open' });
  t.equal((await recover(bed)).length, 1);
  await bed.close(written);
  await bed.journal.close();
});

const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await new Promise((resolve) => setImmediate(resolve));
};

function watch(t: Test, more: Partial<WatchOptions> = {}) {
  const told = { cut: 0, poked: 0 };
  const watching = watchRecorders({
    ledger,
    deadAfterMs: 300,
    everyMs: 20,
    keepCopiesMs: 0,
    log: silentLog,
    metrics: { captureEnded: () => (told.cut += 1) },
    onRecovered: () => (told.poked += 1),
    ...more,
  });
  t.teardown(() => watching.close());
  return told;
}

t.test('a recorder that beats is left alone; when it falls silent, what it left is recovered by one of those who watch; once it has closed all, the copies go', async (t) => {
  const bed = openFolder(t);
  const { recorder, folder } = bed;
  const written = await bed.write(7);
  await ledger.recorderBeat({ recorder, run: 'first', folder });
  const [one, other, itself] = [watch(t), watch(t), watch(t, { own: recorder })];
  t.match(await entryOf(written), { state: 'open' });
  await until(async () => (await entryOf(written))?.state === 'cut');
  await until(() => one.poked + other.poked > 0);
  t.strictSame({ cut: one.cut + other.cut, poked: one.poked + other.poked, itself: itself.cut }, { cut: 1, poked: 1, itself: 0 });
  t.equal(await packetsIn((await entryOf(written))?.path ?? ''), 7);
  t.strictSame(readdirSync(bed.root).sort(), [recorder, `${recorder}~1`]);
  const signs = await openSignsOfLife({ recorder, folder, ledger, everyMs: 20 });
  await bed.close(written);
  await until(() => readdirSync(bed.root).length === 1);
  t.match(await entryOf(written), { state: 'closed', path: written.path });
  await bed.journal.close();
  await signs.close();
});

t.test('one whose captures cannot be read here is left to others, and that is said once', async (t) => {
  const bed = openFolder(t);
  const written = await bed.write(1);
  await ledger.recorderBeat({ recorder: bed.recorder, run: 'first', folder: join(bed.root, 'elsewhere') });
  const said: string[] = [];
  let asked = 0;
  const told = watch(t, {
    retryMs: 0,
    log: { ...silentLog, warn: (_facts: object | string, message?: string) => said.push(message ?? '') },
    ledger: {
      ...ledger,
      recordersGone: async (silentForMs) => {
        const gone = (await ledger.recordersGone(silentForMs)).filter(({ recorder }) => recorder === bed.recorder);
        asked += gone.length;
        return gone;
      },
    },
  });
  await until(() => asked > 3);
  t.strictSame(said, ['a recorder is gone, and its captures cannot be read here']);
  t.equal(told.cut, 0);
  t.match(await entryOf(written), { state: 'open' });
  await bed.close(written);
  await ledger.recorderEnded(bed.recorder, 'first');
  await bed.journal.close();
});

t.test('a recorder does not begin while another of its name beats; one that was killed is waited for until it is silent', async (t) => {
  const [recorder, folder] = [`r-${randomUUID()}`, t.testdir()];
  const first = await openSignsOfLife({ recorder, folder, ledger, everyMs: 50 });
  await t.rejects(openSignsOfLife({ recorder, folder, ledger, everyMs: 50 }), { code: 'CONFIG_INVALID', message: /recorder\.name: another recorder/ });
  await first.close();
  const second = await openSignsOfLife({ recorder, folder, ledger, everyMs: 50 });
  await second.close();
  await ledger.recorderBeat({ recorder, run: 'killed', folder });
  await (await openSignsOfLife({ recorder, folder, ledger, everyMs: 50 })).close();
});
