import t from 'tap';
import { encodeCryptoLine, parseCryptoLine, SrtpSender, type CryptoLine } from '../../media/index.js';
import { rtp } from '../media-peer.fixture.js';
import { Latch } from './latch.js';

const at = (port: number, address = '192.0.2.1'): { address: string; port: number } => ({ address, port });
const [party, moved, stranger] = [at(4_000), at(4_444, '198.51.100.1'), at(6_666, '203.0.113.9')];
const signalled = at(4_000, '10.0.0.1');

/** Latched to `party`. */
function latched(crypto: readonly string[] = [], first = rtp(1)): Latch {
  const latch = new Latch();
  latch.pointAt(signalled, crypto);
  latch.admits(first, party, false);
  return latch;
}
const quiet = (latch: Latch): void => {
  latch.look();
  latch.look();
};

t.test('RFC 4961: until it speaks a side is where its SDP says, then where it speaks from', (t) => {
  const latch = new Latch();
  t.notOk(latch.admits(rtp(1), party, false), 'before its SDP nobody is it');
  latch.pointAt(signalled, []);
  t.strictSame(latch.to, signalled);
  t.ok(latch.admits(rtp(1), party, false));
  t.equal(latch.to, party);
  t.notOk(latch.admits(rtp(2), stranger, false));
  t.ok(latch.admits(rtp(2), { ...party }, false), 'the same place in another object');
  t.end();
});

t.test('on hold a side is heard and not sent to, by port 0 and by 0.0.0.0', (t) => {
  for (const hold of [at(0), at(4_000, '0.0.0.0'), at(4_000, '::')]) {
    const latch = new Latch();
    latch.pointAt(hold, []);
    t.ok(latch.admits(rtp(1), party, false));
    t.notOk(latch.admits(rtp(1), stranger, false));
    t.equal(latch.to, undefined);
  }
  t.end();
});

t.test('another SDP opens the latch, the same one does not', (t) => {
  const latch = latched();
  latch.pointAt(signalled, []);
  t.notOk(latch.admits(rtp(2), moved, false));
  latch.pointAt(at(5_000), []);
  t.strictSame(latch.to, at(5_000));
  t.ok(latch.admits(rtp(2), moved, false));
  t.notOk(latch.admits(rtp(3), party, false));
  t.end();
});

t.test('after a re-INVITE that says the same a side that has fallen silent may come from elsewhere, once', (t) => {
  const latch = latched();
  quiet(latch);
  t.notOk(latch.admits(rtp(2), moved, false), 'not without a re-INVITE');
  latch.pointAt(signalled, []);
  t.ok(latch.admits(rtp(2), party, false));
  t.notOk(latch.admits(rtp(3), moved, false), 'not while it speaks');
  latch.look();
  t.notOk(latch.admits(rtp(3), moved, false), 'a look without a packet is not silence yet');
  latch.look();
  t.ok(latch.admits(rtp(3), moved, false));
  t.equal(latch.to, moved);
  quiet(latch);
  t.notOk(latch.admits(rtp(4), stranger, false), 'and only once');
  t.end();
});

const line = parseCryptoLine(`1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 5).toString('base64')}`) as CryptoLine;
const other = parseCryptoLine(`1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 6).toString('base64')}`) as CryptoLine;
const crypto = [encodeCryptoLine(line)];

t.test('SRTP: without signalling a side moves with a packet that authenticates and is no repetition, when it has fallen silent', (t) => {
  const sender = new SrtpSender(line);
  const packets = Array.from({ length: 10 }, (_, n) => sender.protectRtp(rtp(n + 1)));
  const forged = new SrtpSender(other).protectRtp(rtp(20));
  const latch = latched(crypto, packets[0]);
  for (const n of [1, 2, 3]) latch.admits(packets[n]!, party, false);
  t.notOk(latch.admits(packets[4]!, moved, false), 'not while the old place speaks');
  quiet(latch);
  t.notOk(latch.admits(packets[3]!, stranger, false), 'an old packet, sent again by who has listened');
  t.notOk(latch.admits(forged, stranger, false), 'another key');
  t.notOk(latch.admits(rtp(30), stranger, false), 'no SRTP at all');
  latch.look();
  t.ok(latch.admits(packets[4]!, moved, false));
  t.equal(latch.to, moved);
  t.notOk(latch.admits(packets[5]!, party, false));
  t.end();
});

t.test('SRTP: a new source moves a side, one that it had before does not', (t) => {
  const [first, second] = [new SrtpSender(line), new SrtpSender(line)];
  const old = first.protectRtp(rtp(1, 100));
  const latch = latched(crypto, old);
  latch.admits(second.protectRtp(rtp(1, 200)), party, false);
  quiet(latch);
  t.notOk(latch.admits(first.protectRtp(rtp(2, 100)), stranger, false), 'of a source before the last');
  t.ok(latch.admits(new SrtpSender(line).protectRtp(rtp(500, 300)), moved, false));
  t.end();
});

t.test('SRTP: only so many packets of strangers are tried at a time', (t) => {
  const latch = latched(crypto, new SrtpSender(line).protectRtp(rtp(1)));
  quiet(latch);
  const forger = new SrtpSender(other);
  for (let n = 0; n < 3; n += 1) latch.admits(forger.protectRtp(rtp(100 + n)), stranger, false);
  const sender = new SrtpSender(line);
  t.notOk(latch.admits(sender.protectRtp(rtp(2)), moved, false), 'the strangers have used it up');
  latch.look();
  t.ok(latch.admits(sender.protectRtp(rtp(3)), moved, false));
  t.end();
});
