import fc from 'fast-check';
import t from 'tap';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeRtp } from '../rtp.js';
import { keySaltBytes, SrtpReceiver, SrtpSender, srtpSuites, useOpenSsl, type CryptoLine } from './index.js';
import { newHolder, openSsl } from './openssl.js';

const skip = openSsl() === undefined && process.env['TWINTRACK_REQUIRE_PEERS'] !== '1' ? 'koffi is not installed, or this is no 64-bit Linux' : false;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Runs the same by OpenSSL, and without. */
function bothWays<T>(act: () => T): readonly [T, T] {
  useOpenSsl(true);
  const one = act();
  useOpenSsl(false);
  const other = act();
  useOpenSsl(true);
  return [one, other];
}

const longestKey = Math.max(...srtpSuites.map(keySaltBytes));
const line = (suite: (typeof srtpSuites)[number], fill: number): Pick<CryptoLine, 'suite' | 'keySalt'> => ({ suite, keySalt: Buffer.from(Array.from({ length: keySaltBytes(suite) }, (_, n) => n * fill + 1)) });

t.test('it is there, unless it is refused', { skip }, (t) => {
  t.not(openSsl(), undefined);
  useOpenSsl(false);
  t.equal(openSsl(), undefined);
  useOpenSsl(true);
  t.not(openSsl(), undefined);
  t.end();
});

t.test('what is sealed, what is opened and what is refused is the same octet by octet, whatever the length and what was changed', { skip }, (t) => {
  const packets = fc.array(
    fc.record({ bytes: fc.oneof(fc.constant(160), fc.nat(40), fc.nat(2_000)), sources: fc.nat(3), csrcs: fc.nat(2), change: fc.option(fc.nat(), { freq: 4 }) }),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...srtpSuites), fc.uint8Array({ minLength: longestKey, maxLength: longestKey }), packets, (suite, octets, wanted) => {
      const key = { suite, keySalt: Buffer.from(octets.subarray(0, keySaltBytes(suite))) };
      const [one, other] = bothWays(() => {
        const [sender, receiver] = [new SrtpSender(key), new SrtpReceiver(key, { rollOversAhead: 1 })];
        return wanted.flatMap(({ bytes, sources, csrcs, change }, n) => {
          const plain = encodeRtp({ payloadType: 8, sequenceNumber: n, timestamp: n * 160, ssrc: sources, payload: Buffer.alloc(bytes, n) });
          const header = Buffer.concat([plain.subarray(0, 12), Buffer.alloc(4 * csrcs, 9), plain.subarray(12)]);
          header[0] = 0x80 | csrcs;
          const sealed = sender.protectRtp(header);
          const report = sender.protectRtcp(Buffer.concat([Buffer.from('80c9000100001234', 'hex'), Buffer.alloc(bytes & -4, n)]));
          const [changed, changedReport] = [Buffer.from(sealed), Buffer.from(report)];
          if (change !== null) {
            changed[change % changed.length] = (changed[change % changed.length] ?? 0) ^ 0x10;
            changedReport[change % changedReport.length] = (changedReport[change % changedReport.length] ?? 0) ^ 0x10;
          }
          const [clear, clearReport] = [receiver.unprotectRtp(changed), receiver.unprotectRtcp(changedReport)];
          return [sealed, report, clear, clearReport, change === null && (typeof clear === 'string' || !clear.equals(header))].map((part) => (Buffer.isBuffer(part) ? part.toString('hex') : part));
        });
      });
      return one.every((part, n) => part === other[n] && part !== true);
    }),
  );
  t.end();
});

t.test('more keys than there are contexts, in turns', { skip }, (t) => {
  const [one, other] = bothWays(() => {
    const lines = Array.from({ length: 600 }, (_, n) => line(srtpSuites[n % srtpSuites.length] ?? 'AEAD_AES_128_GCM', n));
    const ends = lines.map((each) => ({ sender: new SrtpSender(each), receiver: new SrtpReceiver(each) }));
    return [0, 1, 2].flatMap((round) =>
      ends.map(({ sender, receiver }, n) => {
        const packet = encodeRtp({ payloadType: 0, sequenceNumber: round, timestamp: round * 160, ssrc: n, payload: Buffer.alloc(160, n) });
        const sealed = sender.protectRtp(packet);
        const clear = receiver.unprotectRtp(sealed);
        return `${sealed.toString('hex')} ${Buffer.isBuffer(clear) && clear.equals(packet)}`;
      }),
    );
  });
  t.strictSame(one, other);
  t.ok(one.every((text) => text.endsWith(' true')));
  t.end();
});

t.test('the longest datagram there is; and what was opened before stays as it was', { skip }, (t) => {
  for (const suite of srtpSuites) {
    const [sender, receiver] = [new SrtpSender(line(suite, 3)), new SrtpReceiver(line(suite, 3))];
    const packetOf = (n: number, bytes: number): Buffer => encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: 0, ssrc: 1, payload: Buffer.alloc(bytes, n) });
    const sizes = [161, 162, 163, 65_535 - 12 - 16, 1, 160];
    const opened = sizes.map((bytes, n) => receiver.unprotectRtp(sender.protectRtp(packetOf(n, bytes))));
    opened.forEach((clear, n) => t.ok(Buffer.isBuffer(clear) && clear.equals(packetOf(n, sizes[n] ?? 0)), `${suite}, ${sizes[n]} octets`));
  }
  t.end();
});

t.test('nothing is written or read beyond the arena', { skip }, (t) => {
  const ssl = openSsl();
  if (ssl === undefined) throw new Error('it is there');
  const [aesHolder, ghashHolder] = [newHolder(Buffer.alloc(16, 1)), newHolder(Buffer.alloc(16, 1))];
  t.throws(() => ssl.sha1.run(0, 64, 4_096));
  t.throws(() => ssl.sha1.run(-4, 64, 1));
  t.throws(() => ssl.sha1.run(131_072 - 16, 0, 1));
  for (const bytes of [-16, 15, 131_072 + 16]) {
    t.throws(() => ssl.aes.encrypt(aesHolder, bytes), String(bytes));
    t.throws(() => ssl.ghash.hash(ghashHolder, bytes), String(bytes));
  }
  t.throws(() => ssl.aes.encrypt(newHolder(Buffer.alloc(17)), 16));
  t.throws(() => ssl.ghash.hash(newHolder(Buffer.alloc(17)), 16));
  ssl.aes.encrypt(aesHolder, 131_072);
  ssl.ghash.hash(ghashHolder, 131_072);
  t.end();
});

t.test('no key is left where blocks go', { skip }, (t) => {
  const ssl = openSsl();
  if (ssl === undefined) throw new Error('it is there');
  const key = Buffer.from('a key that is looked for in vain');
  ssl.aes.encrypt(newHolder(key), 16);
  ssl.ghash.hash(newHolder(key), 16);
  // An AES key schedule begins with the key itself: of what is outside the contexts none has it.
  t.equal(ssl.ghash.memory.subarray(0, 3 * 131_072 + 4_096).indexOf(key), -1);
  t.end();
});

t.test('the context of a key that was dropped is wiped, and so is that of one that gave way to others', { skip }, async (t) => {
  const ssl = openSsl();
  if (ssl === undefined) throw new Error('it is there');
  const { memory } = ssl.ghash;
  // A key schedule begins with the key, and that of AES-256 is longer: nothing of it may show behind another's.
  const keyOf = (n: number, bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, octet) => (octet * 37 + n * 11) & 0xff));
  const known = (key: Buffer): boolean => memory.includes(key) || memory.includes(Buffer.from(key).swap32());
  const use = (key: Buffer): ReturnType<typeof newHolder> => {
    const holder = newHolder(key);
    ssl.ghash.hash(holder, 16);
    return holder;
  };
  const kept = use(keyOf(1, 32));
  (() => use(keyOf(2, 32)))();
  t.ok(known(keyOf(1, 32)) && known(keyOf(2, 32)), 'both are in use');
  for (let turn = 0; turn < 100 && known(keyOf(2, 32)); turn += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.notOk(known(keyOf(2, 32)), 'dropped');
  t.ok(known(keyOf(1, 32)), 'kept');
  const others = Array.from({ length: 512 }, (_, n) => use(keyOf(1_000 + n, 16)));
  t.notOk(known(keyOf(1, 32)), 'it gave way');
  ssl.ghash.hash(kept, 16);
  t.ok(known(keyOf(1, 32)), 'and has a context again when it is used');
  t.equal(others.length, 512);
});
