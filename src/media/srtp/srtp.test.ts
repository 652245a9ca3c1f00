import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeRtp } from '../rtp.js';
import { keySaltBytes, SrtpReceiver, SrtpSender, srtpSuites, type CryptoLine, type SrtpSuite } from './index.js';
import { suites } from './suites.js';

type Key = Pick<CryptoLine, 'suite' | 'keySalt' | 'mki'>;
const keyOf = (suite: SrtpSuite, mkiBytes = 0): Key => ({
  suite,
  keySalt: Buffer.from(Array.from({ length: keySaltBytes(suite) }, (_, n) => n * 7 + 1)),
  ...(mkiBytes === 0 ? {} : { mki: { value: Buffer.alloc(mkiBytes, 0x4d), bytes: mkiBytes } }),
});
const plain = keyOf('AES_CM_128_HMAC_SHA1_80');
const packet = (sequenceNumber: number, ssrc = 0x1234, payload = Buffer.from('twenty milliseconds')): Buffer =>
  encodeRtp({ payloadType: 8, sequenceNumber: sequenceNumber & 0xffff, timestamp: 160, ssrc, payload });
const report = Buffer.from('80c9000100001234', 'hex');
/** A sender whose roll-over counter is where an index is; leaps of 20,000 stay within its estimate. */
const senderAt = (index: number, key = plain): SrtpSender => {
  const sender = new SrtpSender(key);
  for (let at = 0; at < index; at += 20_000) sender.protectRtp(packet(at));
  return sender;
};

const flipped = (octets: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(octets);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy;
};

t.test('what no datagram can be is refused', (t) => {
  for (const suite of srtpSuites) {
    const receiver = new SrtpReceiver(keyOf(suite));
    const long = Buffer.concat([packet(1), Buffer.alloc(66_000)]);
    t.equal(receiver.unprotectRtp(long), 'too-long');
    t.equal(receiver.unprotectRtcp(Buffer.concat([report, Buffer.alloc(66_000)])), 'too-long');
  }
  t.end();
});

for (const suite of srtpSuites) {
  for (const mkiBytes of [0, 1, 4, 128]) {
    const key = keyOf(suite, mkiBytes);
    const { rtpTagBytes, rtcpTagBytes } = suites[suite];

    t.test(`${suite} with an MKI of ${mkiBytes} octets: what is protected is unprotected again`, (t) => {
      const protectedRtp = new SrtpSender(key).protectRtp(packet(1));
      t.equal(protectedRtp.length, packet(1).length + rtpTagBytes + mkiBytes);
      t.strictSame(protectedRtp.subarray(0, 12), packet(1).subarray(0, 12), 'the header stays in clear');
      t.strictSame(new SrtpReceiver(key).unprotectRtp(protectedRtp), packet(1));
      const protectedRtcp = new SrtpSender(key).protectRtcp(report);
      t.equal(protectedRtcp.length, report.length + 4 + rtcpTagBytes + mkiBytes);
      t.strictSame(new SrtpReceiver(key).unprotectRtcp(protectedRtcp), report);
      t.end();
    });

    t.test(`${suite} with an MKI of ${mkiBytes} octets: one bit changed anywhere is refused`, (t) => {
      const rtp = new SrtpSender(key).protectRtp(packet(1));
      const rtcp = new SrtpSender(key).protectRtcp(Buffer.concat([report, report]));
      const receiver = new SrtpReceiver(key, { rollOversAhead: 1 });
      for (let bit = 0; bit < rtp.length * 8; bit += 1) {
        if (typeof receiver.unprotectRtp(flipped(rtp, bit)) !== 'string') t.fail(`RTP, bit ${bit}`);
      }
      for (let bit = 0; bit < rtcp.length * 8; bit += 1) {
        if (typeof receiver.unprotectRtcp(flipped(rtcp, bit)) !== 'string') t.fail(`RTCP, bit ${bit}`);
      }
      t.strictSame(receiver.unprotectRtp(rtp), packet(1), 'and the whole packet is accepted after all that');
      t.end();
    });
  }
}

t.test('any header and payload come through, the packet itself unchanged', (t) => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const fields = fc.record({
    payloadType: fc.integer({ min: 0, max: 127 }),
    sequenceNumber: fc.integer({ min: 0, max: 0xffff }),
    timestamp: u32,
    ssrc: u32,
    payload: fc.uint8Array({ maxLength: 1500 }).map((octets) => Buffer.from(octets)),
    marker: fc.boolean(),
    csrcs: fc.array(u32, { maxLength: 15 }),
    extension: fc.option(fc.constant({ profile: 0xbede, data: Buffer.alloc(8, 3) }), { nil: undefined }),
    paddingBytes: fc.integer({ min: 0, max: 40 }),
  });
  fc.assert(
    fc.property(fc.constantFrom(...srtpSuites), fields, (suite, value) => {
      const clear = encodeRtp(value);
      const sealed = new SrtpSender(keyOf(suite)).protectRtp(clear);
      assert.deepEqual(clear, encodeRtp(value));
      const before = Buffer.from(sealed);
      assert.deepEqual(new SrtpReceiver(keyOf(suite)).unprotectRtp(sealed), clear);
      assert.deepEqual(sealed, before);
    }),
  );
  t.end();
});

t.test('RFC 4568 §6.2.2: the suite with the short tag has a long one on SRTCP', (t) => {
  const sender = new SrtpSender(keyOf('AES_CM_128_HMAC_SHA1_32'));
  t.equal(sender.protectRtp(packet(1)).length, packet(1).length + 4);
  t.equal(sender.protectRtcp(report).length, report.length + 14);
  t.end();
});

t.test('the sequence number wraps twice, and every packet is read', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  for (let index = 65_000; index < 3 * 65_536; index += index % 65_536 > 65_500 || index % 65_536 < 20 ? 1 : 400) {
    const clear = packet(index);
    if (receiver.unprotectRtp(sender.protectRtp(clear)).toString('latin1') !== clear.toString('latin1')) {
      t.fail(`index ${index}`);
    }
  }
  t.end();
});

t.test('a packet from before the wrap comes after it', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  const [before, late, after] = [65_534, 65_535, 65_536].map((index) => sender.protectRtp(packet(index)));
  t.strictSame(receiver.unprotectRtp(before!), packet(65_534));
  t.strictSame(receiver.unprotectRtp(after!), packet(65_536));
  t.strictSame(receiver.unprotectRtp(late!), packet(65_535));
  t.end();
});

t.test('a source whose first packet heard came just after its wrap, with the one before it late', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  const before = sender.protectRtp(packet(65_535));
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(65_536))), packet(65_536));
  t.strictSame(receiver.unprotectRtp(before), packet(65_535));
  t.end();
});

for (const suite of srtpSuites) {
  t.test(`${suite}: one who joins late finds the roll-over counter, up to the bound`, (t) => {
    const key = keyOf(suite);
    const sender = senderAt(3 * 65_536, key);
    const sealed = sender.protectRtp(packet(3 * 65_536 + 5));
    t.equal(new SrtpReceiver(key, { rollOversAhead: 2 }).unprotectRtp(sealed), 'auth-failed');
    const receiver = new SrtpReceiver(key, { rollOversAhead: 3 });
    t.strictSame(receiver.unprotectRtp(sealed), packet(3 * 65_536 + 5));
    t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(3 * 65_536 + 6))), packet(3 * 65_536 + 6));
    t.end();
  });
}

t.test('a source unheard for more than half a wrap is found again', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  receiver.unprotectRtp(sender.protectRtp(packet(70_000 - 65_536)));
  for (const unheard of [20_000, 40_000, 60_000, 80_000]) sender.protectRtp(packet(unheard));
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(100_000))), packet(100_000));
  t.end();
});

t.test('searching for the roll-over counter stops under a flood, and goes on after it', (t) => {
  const late = senderAt(65_536).protectRtp(packet(65_537));
  const receiver = new SrtpReceiver(plain);
  const stranger = new SrtpSender({ suite: plain.suite, keySalt: Buffer.alloc(30, 9) });
  for (let n = 0; n < 16; n += 1) t.equal(receiver.unprotectRtp(stranger.protectRtp(packet(n, 9))), 'auth-failed');
  t.equal(receiver.unprotectRtp(late), 'auth-failed', 'no search is left');
  for (let n = 16; n < 79; n += 1) receiver.unprotectRtp(stranger.protectRtp(packet(n, 9)));
  t.strictSame(receiver.unprotectRtp(late), packet(65_537));
  t.end();
});

t.test('RFC 3711 §3.3.2: a packet is delivered once', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  const sealed = Array.from({ length: 200 }, (_, n) => sender.protectRtp(packet(n)));
  for (const one of sealed) t.type(receiver.unprotectRtp(one), Buffer);
  sealed.forEach((one, n) => t.equal(receiver.unprotectRtp(one), n < 72 ? 'too-old' : 'replayed', `packet ${n}`));
  const reported = [sender.protectRtcp(report), sender.protectRtcp(report)];
  t.strictSame(receiver.unprotectRtcp(reported[1]!), report);
  t.strictSame(receiver.unprotectRtcp(reported[0]!), report, 'out of order');
  t.equal(receiver.unprotectRtcp(reported[1]!), 'replayed');
  for (let n = 0; n < 128; n += 1) receiver.unprotectRtcp(sender.protectRtcp(report));
  t.equal(receiver.unprotectRtcp(reported[0]!), 'too-old');
  t.end();
});

t.test('a forged packet leaves no trace: the true one of its index is delivered', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  receiver.unprotectRtp(sender.protectRtp(packet(10)));
  const forged = flipped(sender.protectRtp(packet(30_000)), 8 * 20);
  t.equal(receiver.unprotectRtp(forged), 'auth-failed');
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(30_001))), packet(30_001));
  t.strictSame(receiver.unprotectRtp(flipped(forged, 8 * 20)), packet(30_000));
  t.end();
});

t.test('nothing is stored about a source before a packet of it has authenticated', (t) => {
  const receiver = new SrtpReceiver(plain, { maxSources: 2 });
  const stranger = new SrtpSender({ suite: plain.suite, keySalt: Buffer.alloc(30, 9) });
  for (let ssrc = 0; ssrc < 50; ssrc += 1) {
    t.equal(receiver.unprotectRtp(stranger.protectRtp(packet(1, ssrc))), 'auth-failed');
  }
  const sender = new SrtpSender(plain);
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(1, 1001))), packet(1, 1001));
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(1, 1002))), packet(1, 1002));
  t.equal(receiver.unprotectRtp(sender.protectRtp(packet(1, 1003))), 'too-many-sources', 'and the list is bounded');
  t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(2, 1001))), packet(2, 1001));
  const other = Buffer.from(report);
  for (const [ssrc, expected] of [[1, 'object'], [2, 'object'], [3, 'string']] as const) {
    other.writeUInt32BE(ssrc, 4);
    t.equal(typeof receiver.unprotectRtcp(sender.protectRtcp(other)), expected, `RTCP of source ${ssrc}`);
  }
  t.end();
});

t.test('sources do not disturb each other, each with its own roll-over counter', (t) => {
  const sender = new SrtpSender(plain);
  const receiver = new SrtpReceiver(plain);
  for (const index of [65_535, 65_536, 65_537]) {
    t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(index, 1))), packet(index, 1));
    t.strictSame(receiver.unprotectRtp(sender.protectRtp(packet(index - 65_000, 2))), packet(index - 65_000, 2));
  }
  t.end();
});

t.test('a packet of another key, suite or MKI is refused', (t) => {
  const sealed = new SrtpSender(plain).protectRtp(packet(1));
  t.equal(new SrtpReceiver({ ...plain, keySalt: Buffer.alloc(30) }).unprotectRtp(sealed), 'auth-failed');
  t.equal(new SrtpReceiver(keyOf('AES_256_CM_HMAC_SHA1_80')).unprotectRtp(sealed), 'auth-failed');
  t.equal(new SrtpReceiver(keyOf('AEAD_AES_128_GCM')).unprotectRtp(sealed), 'auth-failed');
  t.equal(new SrtpReceiver(keyOf('AES_CM_128_HMAC_SHA1_80', 4)).unprotectRtp(sealed), 'unknown-mki');
  const sealedReport = new SrtpSender(plain).protectRtcp(Buffer.concat([report, report]));
  t.equal(new SrtpReceiver(keyOf('AES_CM_128_HMAC_SHA1_80', 4)).unprotectRtcp(sealedReport), 'unknown-mki');
  t.end();
});

for (const suite of srtpSuites) {
  t.test(`${suite}: a packet cut before every field is refused for that field`, (t) => {
    const clear = encodeRtp({
      payloadType: 8,
      sequenceNumber: 1,
      timestamp: 2,
      ssrc: 3,
      csrcs: [4],
      extension: { profile: 5, data: Buffer.alloc(4) },
      payload: Buffer.alloc(40, 6),
    });
    const rtp = new SrtpSender(keyOf(suite, 4)).protectRtp(clear);
    const receiver = new SrtpReceiver(keyOf(suite, 4));
    const whole = 24 + suites[suite].rtpTagBytes + 4;
    for (let bytes = 0; bytes < rtp.length; bytes += 1) {
      const reason = receiver.unprotectRtp(rtp.subarray(0, bytes));
      if (bytes < 12) t.equal(reason, 'too-short', `${bytes} octets: fixed header`);
      else if (bytes < 16) t.equal(reason, 'csrc-past-end', `${bytes} octets: CSRC`);
      else if (bytes < 20) t.equal(reason, 'extension-header-past-end', `${bytes} octets: extension header`);
      else if (bytes < 24) t.equal(reason, 'extension-past-end', `${bytes} octets: extension`);
      else if (bytes < whole) t.equal(reason, 'too-short', `${bytes} octets: MKI and tag`);
      else t.equal(reason, 'unknown-mki', `${bytes} octets: payload`);
    }
    const rtcp = new SrtpSender(keyOf(suite)).protectRtcp(Buffer.concat([report, report]));
    const shortest = 12 + suites[suite].rtcpTagBytes;
    for (let bytes = 0; bytes < rtcp.length; bytes += 1) {
      const reason = new SrtpReceiver(keyOf(suite)).unprotectRtcp(rtcp.subarray(0, bytes));
      t.equal(reason, bytes < shortest ? 'too-short' : 'auth-failed', `RTCP, ${bytes} octets`);
    }
    t.end();
  });
}

t.test('SRTCP of another version is refused', (t) => {
  t.equal(new SrtpReceiver(plain).unprotectRtcp(Buffer.alloc(40)), 'not-version-2');
  t.end();
});

t.test('an empty payload is protected too', (t) => {
  for (const suite of srtpSuites) {
    const clear = packet(1, 1, Buffer.alloc(0));
    t.strictSame(new SrtpReceiver(keyOf(suite)).unprotectRtp(new SrtpSender(keyOf(suite)).protectRtp(clear)), clear);
  }
  t.end();
});

t.test('RFC 3711 §3.4: the SRTCP index is 0 first and goes up by one, each source on its own', (t) => {
  const sender = new SrtpSender(plain);
  const other = Buffer.from(report);
  other.writeUInt32BE(99, 4);
  const words = [report, report, other].map((one) => sender.protectRtcp(one).readUInt32BE(8));
  t.strictSame(words, [0x80000000, 0x80000001, 0x80000000]);
  t.end();
});

t.test('to protect an index twice, or what is not RTP, is a bug', (t) => {
  const sender = new SrtpSender(plain);
  sender.protectRtp(packet(5));
  sender.protectRtp(packet(4));
  t.throws(() => sender.protectRtp(packet(5)), /once/);
  t.throws(() => sender.protectRtp(Buffer.alloc(20)));
  t.throws(() => sender.protectRtcp(Buffer.alloc(7)));
  t.throws(() => new SrtpSender({ suite: 'AEAD_AES_128_GCM', keySalt: Buffer.alloc(30) }));
  t.end();
});

t.test('arbitrary octets never throw, and are never delivered', (t) => {
  const octets = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));
  const versioned = octets.map((bytes) => Buffer.concat([Buffer.from([0x80 | ((bytes[0] ?? 0) & 0x3f)]), bytes]));
  const receivers = srtpSuites.map((suite) => new SrtpReceiver(keyOf(suite)));
  fc.assert(
    fc.property(fc.constantFrom(...receivers), fc.oneof(octets, versioned), (receiver, datagram) => {
      assert.equal(typeof receiver.unprotectRtp(datagram), 'string');
      assert.equal(typeof receiver.unprotectRtcp(datagram), 'string');
    }),
    { numRuns: 3000 },
  );
  t.end();
});

t.test('KDR: keys change every 2^n packets, about a change packets may come in any order, and others do not open them', (t) => {
  for (const suite of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM'] as const) {
    const key = { ...keyOf(suite), sessionParameters: ['KDR=4'] };
    const [sender, receiver, unaware] = [new SrtpSender(key), new SrtpReceiver(key), new SrtpReceiver(keyOf(suite))];
    const sent = Array.from({ length: 60 }, (_, n) => sender.protectRtp(packet(n)));
    const order = sent.map((_, n) => (n % 2 === 0 ? Math.min(n + 1, 59) : n - 1));
    for (const n of order) t.strictSame(receiver.unprotectRtp(sent[n]!), packet(n), `${suite} ${n}`);
    t.strictSame(sent.map((each) => unaware.unprotectRtp(each)).map((each) => typeof each !== 'string'), sent.map((_, n) => n < 16));
    for (let n = 0; n < 40; n += 1) t.strictSame(receiver.unprotectRtcp(sender.protectRtcp(report)), report);
  }
  t.end();
});
