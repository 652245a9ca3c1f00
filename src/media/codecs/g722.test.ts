import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { G722Decoder, G722Encoder } from './g722.js';
import { energy, fit, speechLike, wholeNumberSignal } from '../signal.fixture.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const littleEndian = (samples: Int16Array): Buffer => {
  const bytes = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, n) => bytes.writeInt16LE(sample, n * 2));
  return bytes;
};
const decoded = (codes: Buffer): Int16Array => {
  const samples = new Int16Array(codes.length * 2);
  new G722Decoder().decode(codes, samples, 0);
  return samples;
};

/**
 * What ffmpeg 5.1 makes of the same samples, another implementation of the standard:
 * ffmpeg -f s16le -ar 16000 -ac 1 -i signal.raw -c:a g722 -f g722 codes.g722; ffmpeg -f g722 -i codes.g722 -f s16le back.raw
 */
const byFfmpeg = {
  codes: '766bbe02e141efd5b51fc270427bfbc84910e840dc673f51a4e7ee266fc55acd',
  firstCodes: '8b2084208420a025a831fcd7108c088688cc50d8fcf3ed29a62467edf47a5cd6',
  back: '440573ff098a9a50e5e93ffbba07485b8d49e325e4c53658dfcab7954b1f81f0',
};

t.test('encoding is that of another implementation, to the bit, through full range, silence and noise', (t) => {
  const codes = new G722Encoder().encode(wholeNumberSignal());
  t.equal(codes.subarray(0, 32).toString('hex'), byFfmpeg.firstCodes);
  t.equal(sha256(codes), byFfmpeg.codes);
  t.end();
});

t.test('decoding is that of another implementation, to the bit', (t) => {
  t.equal(sha256(littleEndian(decoded(new G722Encoder().encode(wholeNumberSignal())))), byFfmpeg.back);
  t.end();
});

t.test('speech comes back as it was: 20 dB and more, 22 samples later', (t) => {
  const speech = speechLike(16_000, 2);
  const { shift, gain, snrDb } = fit(speech, decoded(new G722Encoder().encode(speech)), 30);
  t.equal(shift, 22);
  t.ok(Math.abs(gain - 1) < 0.05, `${gain}`);
  t.ok(snrDb > 20, `${snrDb} dB`);
  t.end();
});

t.test('a stream may be cut anywhere: pieces are what the whole is', (t) => {
  const speech = speechLike(16_000, 0.5);
  const [whole, inPieces] = [new G722Encoder().encode(speech), new G722Encoder()];
  const pieces: Buffer[] = [];
  for (let at = 0; at < speech.length; at += 2 * (1 + (at % 7))) pieces.push(inPieces.encode(speech.subarray(at, Math.min(speech.length, at + 2 * (1 + (at % 7))))));
  t.strictSame(Buffer.concat(pieces), whole);
  t.end();
});

t.test('a decoder that begins in the middle agrees with one that heard it all, but for 20 dB, within 200 ms', (t) => {
  const codes = new G722Encoder().encode(speechLike(16_000, 1));
  const [all, late] = [decoded(codes).subarray(8_000), decoded(codes.subarray(4_000))];
  const rest = all.subarray(3_200);
  t.ok(energy(rest.map((sample, n) => sample - (late[3_200 + n] ?? 0))) < energy(rest) / 100);
  t.end();
});

t.test('any octets decode, and any samples encode', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => decoded(Buffer.from(octets)).length === octets.length * 2));
  fc.assert(fc.property(fc.int16Array({ maxLength: 200 }), (samples) => new G722Encoder().encode(samples.subarray(0, samples.length - (samples.length % 2))).length === samples.length >> 1));
  t.end();
});
