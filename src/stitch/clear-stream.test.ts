import t from 'tap';
import { encodeCryptoLine, RtpView, SrtpSender, type CryptoLine } from '../media/index.js';
import { beginMs, Speaker } from './call.fixture.js';
import { ClearStream } from './clear-stream.js';

const keyOf = (fill: number): CryptoLine => ({ tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: Buffer.alloc(30, fill), sessionParameters: [] });
const lineOf = (fill: number): string => encodeCryptoLine(keyOf(fill));
const heard = (stream: ClearStream, bytes: Buffer): RtpView | undefined => {
  const view = new RtpView();
  return stream.rtp(view, bytes) ? view : undefined;
};
const none = { authFailures: 0, duplicates: 0, malformed: 0, keyless: 0 };

t.test('what is not encrypted passes, what is no RTP is counted', (t) => {
  const stream = new ClearStream();
  const speaker = new Speaker(1);
  t.match(heard(stream, speaker.packet(0)), { ssrc: 1, payload: speaker.payload(0) });
  t.equal(heard(stream, Buffer.alloc(11)), undefined);
  t.match(stream.rtcp(speaker.report(beginMs, 0)), [{ type: 'SR', ssrc: 1 }]);
  t.strictSame(stream.rtcp(Buffer.alloc(3)), []);
  t.strictSame(stream.counts, { ...none, malformed: 1 });
  t.end();
});

t.test('with the right key packets and reports open', (t) => {
  const stream = new ClearStream();
  const speaker = new Speaker(1);
  const sender = new SrtpSender(keyOf(7));
  stream.setKeys(true, [lineOf(7)]);
  for (let n = 0; n < 10; n += 1) t.strictSame(heard(stream, sender.protectRtp(speaker.packet(n)))?.payload, speaker.payload(n));
  t.match(stream.rtcp(sender.protectRtcp(speaker.report(beginMs, 0))), [{ type: 'SR' }]);
  t.strictSame(stream.counts, none);
  t.end();
});

t.test('without a key, or with one that cannot be read, packets are keyless and never sound', (t) => {
  for (const lines of [[], ['1 AES_CM_128_HMAC_SHA1_80 inline:short'], ['1 UNKNOWN_SUITE inline:AAAA']]) {
    const stream = new ClearStream();
    stream.setKeys(true, lines);
    t.equal(heard(stream, new SrtpSender(keyOf(7)).protectRtp(new Speaker(1).packet(0))), undefined);
    t.strictSame(stream.counts, { ...none, keyless: 1 });
  }
  t.end();
});

t.test('with a wrong key packets fail authentication', (t) => {
  const stream = new ClearStream();
  stream.setKeys(true, [lineOf(8)]);
  t.equal(heard(stream, new SrtpSender(keyOf(7)).protectRtp(new Speaker(1).packet(0))), undefined);
  t.strictSame(stream.counts, { ...none, authFailures: 1 });
  t.end();
});

t.test('after a re-key the new key opens, and the old one still what was on its way', (t) => {
  const stream = new ClearStream();
  const speaker = new Speaker(1);
  const [before, after] = [new SrtpSender(keyOf(1)), new SrtpSender(keyOf(2))];
  stream.setKeys(true, [lineOf(1)]);
  t.ok(heard(stream, before.protectRtp(speaker.packet(0))));
  const onItsWay = before.protectRtp(speaker.packet(1));
  stream.setKeys(true, [lineOf(2)]);
  t.ok(heard(stream, after.protectRtp(speaker.packet(2))));
  t.ok(heard(stream, onItsWay));
  t.strictSame(stream.counts, none);
  t.end();
});

t.test('the same key told again keeps its memory: a packet that comes twice is a duplicate, not a failure', (t) => {
  const stream = new ClearStream();
  stream.setKeys(true, [lineOf(1)]);
  const packet = new SrtpSender(keyOf(1)).protectRtp(new Speaker(1).packet(0));
  t.ok(heard(stream, packet));
  stream.setKeys(true, [lineOf(2)]);
  stream.setKeys(true, [lineOf(1)]);
  t.equal(heard(stream, packet), undefined);
  t.strictSame(stream.counts, { ...none, duplicates: 1 });
  t.end();
});

t.test('of several keys in one line each packet says by its MKI which is its own', (t) => {
  const keys = [1, 2, 3].map((fill) => ({ ...keyOf(fill), mki: { value: Buffer.from([fill]), bytes: 1 } }));
  const [first = '', ...others] = keys.map(encodeCryptoLine);
  const line = `${first};${others.map((other) => other.split(' ')[2]).join(';')} WSH=64`;
  const stream = new ClearStream();
  const speaker = new Speaker(1);
  stream.setKeys(true, [line]);
  keys.forEach((key, n) => t.strictSame(heard(stream, new SrtpSender(key).protectRtp(speaker.packet(n)))?.payload, speaker.payload(n)));
  t.strictSame(stream.counts, none);
  t.end();
});

t.test('no more keys are kept than a call needs', (t) => {
  const stream = new ClearStream();
  for (let fill = 1; fill <= 41; fill += 1) stream.setKeys(true, [lineOf(fill)]);
  t.equal(heard(stream, new SrtpSender(keyOf(1)).protectRtp(new Speaker(1).packet(0))), undefined);
  t.ok(heard(stream, new SrtpSender(keyOf(2)).protectRtp(new Speaker(1).packet(0))));
  t.end();
});

t.test('reports that do not open, as those of a maker that leaves them in clear, are no fault of the sound', (t) => {
  const stream = new ClearStream();
  const report = new Speaker(1).report(beginMs, 0);
  stream.setKeys(true, []);
  t.strictSame(stream.rtcp(report), []);
  stream.setKeys(true, [lineOf(1)]);
  t.strictSame(stream.rtcp(report), []);
  t.strictSame(stream.counts, none);
  t.end();
});
