import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeLossSummaries, encodeRtcp, parseRtcp, readLossSummaries, type OtherRtcp } from './index.js';

const plain = { noNullPrototype: true } as const;
const xr = (body: Buffer): OtherRtcp => ({ type: 'other', packetType: 207, count: 0, body });

t.test('RFC 3611 §2, §4.6: a statistics summary block of loss alone', (t) => {
  const octets = Buffer.from('80cf000b0000000906800009000000050010001400000002' + '00'.repeat(24), 'hex');
  const summary = { ssrc: 5, begin: 16, end: 20, lost: 2 };
  t.strictSame(encodeRtcp([encodeLossSummaries(9, [summary])]), octets);
  const [packet] = parseRtcp(octets);
  t.strictSame(readLossSummaries(packet as OtherRtcp), [summary]);
  t.end();
});

t.test('whatever is written is read again, behind blocks of other types too', (t) => {
  const summaries = fc.array(fc.record({ ssrc: fc.nat(0xffff_ffff), begin: fc.nat(0xffff), end: fc.nat(0xffff), lost: fc.nat(0xffff_ffff) }, plain), { maxLength: 8 });
  fc.assert(fc.property(summaries, fc.integer({ min: 0, max: 5 }), fc.nat(9), (told, blockType, words) => {
    const { body } = encodeLossSummaries(9, told);
    const other = Buffer.alloc(4 + 4 * words);
    other.writeUInt8(blockType, 0);
    other.writeUInt16BE(words, 2);
    assert.deepEqual(readLossSummaries(xr(Buffer.concat([body.subarray(0, 4), other, body.subarray(4)]))), told);
  }));
  t.end();
});

t.test('any octets yield summaries or none; those of another packet type, another length or without loss none', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => Array.isArray(readLossSummaries(xr(Buffer.from(octets))))));
  const { body } = encodeLossSummaries(9, [{ ssrc: 5, begin: 1, end: 2, lost: 0 }]);
  const [other, short, withoutLoss] = [Buffer.from(body), body.subarray(0, 40), Buffer.from(body)];
  other.writeUInt16BE(8, 6);
  withoutLoss.writeUInt8(0x60, 5);
  t.strictSame([other, short, withoutLoss].map((octets) => readLossSummaries(xr(octets))), [[], [], []]);
  t.strictSame(readLossSummaries({ ...xr(body), packetType: 205 }), []);
  t.end();
});
