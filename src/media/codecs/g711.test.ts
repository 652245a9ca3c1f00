import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { decodePcma, decodePcmu, encodePcma, encodePcmu } from './index.js';

const allCodes = Buffer.from(Array.from({ length: 256 }, (_, code) => code));
type Decode = (payload: Buffer, out: Int16Array, at: number) => number;
const decoded = (decode: Decode, ...codes: number[]): number[] => {
  const out = new Int16Array(codes.length);
  t.equal(decode(Buffer.from(codes), out, 0), codes.length);
  return [...out];
};
const all = (decode: Decode): Int16Array => {
  const out = new Int16Array(256);
  decode(allCodes, out, 0);
  return out;
};

// ITU-T G.711 table 2: the lowest value of each segment is 8031, 3999, 1983, 975, 471, 219, 93, 30 .. 0 times 4.
t.test('ITU-T G.711 table 2: µ-law at the ends of each segment', (t) => {
  t.strictSame(decoded(decodePcmu, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xaf, 0xb0, 0xbf), [
    32124, 16764, 15996, 8316, 7932, 4092, 3900, 1980,
  ]);
  t.strictSame(decoded(decodePcmu, 0xc0, 0xcf, 0xd0, 0xdf, 0xe0, 0xef, 0xf0, 0xfe, 0xff), [
    1884, 924, 876, 396, 372, 132, 120, 8, 0,
  ]);
  t.strictSame(decoded(decodePcmu, 0x00, 0x0f, 0x7e, 0x7f), [-32124, -16764, -8, 0]);
  t.end();
});

t.test('ITU-T G.711 table 1: A-law at the ends of each segment', (t) => {
  t.strictSame(decoded(decodePcma, 0xaa, 0xa5, 0xba, 0xb5, 0x8a, 0x85, 0x9a, 0x95), [
    32256, 16896, 16128, 8448, 8064, 4224, 4032, 2112,
  ]);
  t.strictSame(decoded(decodePcma, 0xea, 0xe5, 0xfa, 0xf5, 0xca, 0xda, 0xd5), [2016, 1056, 1008, 528, 504, 248, 8]);
  t.strictSame(decoded(decodePcma, 0x2a, 0x25, 0x5a, 0x55), [-32256, -16896, -248, -8]);
  t.end();
});

t.test('µ-law: every code comes back, but the negative zero as the positive', (t) => {
  const again = encodePcmu(all(decodePcmu));
  allCodes.forEach((code) => t.equal(again[code], code === 0x7f ? 0xff : code, `code ${code}`));
  t.end();
});

t.test('A-law: every code comes back', (t) => {
  t.strictSame(encodePcma(all(decodePcma)), allCodes);
  t.end();
});

t.test('both laws rise with the sample, over all 65,536 of them, and clip at the ends', (t) => {
  const samples = Int16Array.from({ length: 65536 }, (_, n) => n - 32768);
  for (const [encode, decode, top] of [
    [encodePcmu, decodePcmu, 32124],
    [encodePcma, decodePcma, 32256],
  ] as const) {
    const back = new Int16Array(65536);
    decode(encode(samples), back, 0);
    let falls = 0;
    let worst = 0;
    for (let n = 1; n < 65536; n += 1) {
      const sample = samples[n]!;
      if (back[n]! < back[n - 1]!) falls += 1;
      // Half a step of the sample's segment, whose steps are a 16th of its octave at most.
      if (Math.abs(sample) < 32124) worst = Math.max(worst, Math.abs(back[n]! - sample) / (Math.abs(sample) + 132));
    }
    t.equal(falls, 0);
    t.ok(worst <= 0.0625, `relative error ${worst}`);
    t.strictSame([back[0], back[65535]], [-top, top]);
  }
  t.end();
});

t.test('samples go where they should, and nowhere else', (t) => {
  const out = Int16Array.from([1, 2, 3, 4]);
  t.equal(decodePcmu(Buffer.from([0x80, 0x00]), out, 1), 2);
  t.strictSame([...out], [1, 32124, -32124, 4]);
  t.equal(decodePcma(Buffer.alloc(0), out, 4), 0);
  t.throws(() => decodePcma(Buffer.alloc(2), out, 3), 'no room is a bug');
  t.end();
});

t.test('one code is near the sample that made it, whatever the sample', (t) => {
  fc.assert(fc.property(fc.int16Array({ maxLength: 50 }), (samples) => {
    const back = new Int16Array(samples.length);
    assert.equal(decodePcmu(encodePcmu(samples), back, 0), samples.length);
    back.forEach((value, n) => assert(Math.abs(value - samples[n]!) <= 644));
  }));
  t.end();
});
