import fc from 'fast-check';
import t from 'tap';
import { fitLength } from './fit-length.js';

t.test('a sample is left out, or said twice, where two neighbours differ least; all others stay', (t) => {
  const of = (wanted: number): number[] => {
    const samples = Int16Array.of(100, 900, 901, -50, 700, 20, 300, 55, 0, 0, 0);
    return [...samples.subarray(0, fitLength(samples, 8, wanted))];
  };
  t.strictSame(of(8), [100, 900, 901, -50, 700, 20, 300, 55]);
  t.strictSame(of(7), [100, 900, -50, 700, 20, 300, 55]);
  t.strictSame(of(9), [100, 900, 901, 901, -50, 700, 20, 300, 55]);
  t.strictSame(of(20), of(8), 'no clock runs like that');
  t.end();
});

t.test('codes are compared by what they sound like', (t) => {
  // 0x7f and 0xff of µ-law are both zero.
  const codes = Int16Array.of(0x80, 0x7f, 0xff, 0x00, 0x10, 0x20, 0x30, 0x40);
  fitLength(codes, 8, 7, (code) => (code === 0x7f || code === 0xff ? 0 : code * 100 + 50));
  t.strictSame([...codes.subarray(0, 7)], [0x80, 0x7f, 0x00, 0x10, 0x20, 0x30, 0x40]);
  t.end();
});

t.test('any packet has the length that is wanted, and every sample comes of it', (t) => {
  fc.assert(fc.property(fc.int16Array({ minLength: 8, maxLength: 400 }), fc.integer({ min: -1, max: 1 }), (packet, more) => {
    const samples = new Int16Array(packet.length + 1);
    samples.set(packet);
    const length = fitLength(samples, packet.length, packet.length + more);
    const known = new Set(packet);
    return length === packet.length + more && samples.subarray(0, length).every((sample) => known.has(sample));
  }));
  t.end();
});
