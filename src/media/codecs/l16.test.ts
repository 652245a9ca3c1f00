import t from 'tap';
import fc from 'fast-check';
import { decodeL16, l16Channel } from './index.js';

t.test('L16 has its most significant octet first (RFC 3551 section 4.5.11)', (t) => {
  const out = new Int16Array(5);
  t.equal(decodeL16(Buffer.from('00018000fffe', 'hex'), out, 1), 3);
  t.strictSame([...out], [0, 1, -32_768, -2, 0]);
  t.end();
});

t.test('half a sample at the end is none, and samples without room assert', (t) => {
  const out = new Int16Array(1);
  t.equal(decodeL16(Buffer.from([0x12, 0x34, 0x56]), out, 0), 1);
  t.equal(out[0], 0x1234);
  t.throws(() => decodeL16(Buffer.alloc(4), out, 0));
  t.end();
});

t.test("each channel of a switch's interleaved samples comes back out of its payload", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 }), fc.array(fc.integer({ min: -32_768, max: 32_767 }), { maxLength: 60 }), (channels, samples) => {
      const bytes = Buffer.alloc(2 * samples.length);
      samples.forEach((sample, n) => bytes.writeInt16LE(sample, 2 * n));
      const frames = Math.floor(samples.length / channels);
      for (let channel = 0; channel < channels; channel += 1) {
        const payload = l16Channel(bytes, channels, channel);
        const out = new Int16Array(payload.length >> 1);
        t.equal(decodeL16(payload, out, 0), frames);
        t.strictSame([...out], samples.filter((_, n) => n % channels === channel).slice(0, frames));
      }
    }),
  );
  t.end();
});

t.test('of two channels the mean is heard', (t) => {
  const out = new Int16Array(2);
  t.equal(decodeL16(Buffer.from('006400c8' + '80007fff' + '0001', 'hex'), out, 0, 2), 2);
  t.strictSame([...out], [150, -0]);
  t.end();
});
