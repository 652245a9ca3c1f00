import fc from 'fast-check';
import t from 'tap';
import { answerBinding, isStun } from './stun.js';

/** The request's transaction id of RFC 5769 §2. */
const transactionId = 'b7e7a701bc34d686fa87dfae';
const bytes = (...hex: readonly string[]): Buffer => Buffer.from(hex.join(''), 'hex');
const request = (attributes = ''): Buffer => bytes('0001', (attributes.length / 2).toString(16).padStart(4, '0'), '2112a442', transactionId, attributes);

t.test('a binding request is answered with where it came from: the attributes of RFC 5769 §2.2 and §2.3', (t) => {
  t.strictSame(answerBinding(request(), '192.0.2.1', 32_853), bytes('0101', '000c', '2112a442', transactionId, '0020000800', '01', 'a147', 'e112a643'));
  t.strictSame(
    answerBinding(request(), '2001:db8:1234:5678:11:2233:4455:6677', 32_853),
    bytes('0101', '0018', '2112a442', transactionId, '0020001400', '02', 'a147', '0113a9faa5d3f179bc25f4b5bed2b9d9'),
  );
  t.end();
});

t.test('shortened IPv6 addresses are read', (t) => {
  for (const [address, full] of [['::1', `${'0'.repeat(31)}1`], ['2001:db8::', `20010db8${'0'.repeat(24)}`], ['::ffff:192.0.2.1', `${'0'.repeat(20)}ffffc0000201`]] as const) {
    const answer = answerBinding(request(), address, 1);
    const mixed = answer?.subarray(28) ?? Buffer.alloc(0);
    const key = bytes('2112a442', transactionId);
    t.equal(Buffer.from(mixed.map((byte, i) => byte ^ (key[i] ?? 0))).toString('hex'), full, address);
  }
  t.end();
});

t.test('optional attributes and those understood are passed over; mandatory ones that are not get 420 (RFC 5389 §7.3.1)', (t) => {
  t.equal(answerBinding(request('8022000374657300' + '0006000161000000'), '192.0.2.1', 1)?.readUInt16BE(0), 0x0101);
  t.strictSame(
    answerBinding(request('0003000400000006' + '7fff0000'), '192.0.2.1', 1),
    bytes('0111', '0010', '2112a442', transactionId, '0009000400000414', '000a000400037fff'),
  );
  t.end();
});

t.test('what is no binding request gets no answer', (t) => {
  const whole = request();
  const rejects: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)], ['short', whole.subarray(0, 19)], ['no cookie', bytes('00010000', '2112a443', transactionId)], ['an indication', bytes('00110000', '2112a442', transactionId)],
    ['an answer', bytes('01010000', '2112a442', transactionId)], ['a length beyond its end', bytes('00010004', '2112a442', transactionId)],
    ['more than its length', Buffer.concat([whole, Buffer.alloc(4)])], ['an attribute beyond the end', request('00060008aaaaaaaa')], ['half an attribute', request('0006')],
  ];
  for (const [what, datagram] of rejects) t.equal(answerBinding(datagram, '192.0.2.1', 1), undefined, what);
  t.notOk(isStun(Buffer.from('OPTIONS sip:x SIP/2.0\r\n\r\n')));
  t.end();
});

t.test('any bytes are taken, and no answer is much longer than its request', (t) => {
  const tail = fc.uint8Array({ maxLength: 60 });
  fc.assert(fc.property(tail, fc.boolean(), (ending, whole) => {
    const datagram = whole ? request(Buffer.from(ending).toString('hex')) : Buffer.from(ending);
    const answer = answerBinding(datagram, '2001:db8::1', 5_060);
    t.ok(answer === undefined || answer.length <= datagram.length + 24);
  }), { numRuns: 300 });
  t.end();
});
