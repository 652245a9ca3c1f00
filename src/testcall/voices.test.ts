import t from 'tap';
import { encodePcma, encodePcmu, encodeWavHeader } from '../media/index.js';
import { tune, voiceRate, voicesOf } from './voices.js';

const samplesOf = (values: readonly number[]): Buffer => Buffer.from(Int16Array.from(values).buffer);
const wavOf = (values: readonly number[], { channels = 1, sampleRate = 8_000 } = {}): Buffer =>
  Buffer.concat([encodeWavHeader({ channels, sampleRate, bitsPerSample: 16, format: 'pcm', frames: values.length / channels }), samplesOf(values)]);

/** A WAV of G.711, or of another depth, which our header does not write. */
const rawWav = (tag: number, bits: number, data: Buffer): Buffer => {
  const wav = Buffer.concat([encodeWavHeader({ channels: 1, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames: data.length / 2 }), data]);
  wav.writeUInt16LE(tag, 20);
  wav.writeUInt16LE(bits / 8, 32);
  wav.writeUInt16LE(bits, 34);
  return wav;
};

t.test('both voices stay within 16 bits, and are never alike for long', (t) => {
  const [caller, callee] = [tune('caller'), tune('callee')];
  let same = 0;
  let shifted = 0;
  let loudest = 0;
  for (let frame = 0; frame < 4 * voiceRate; frame += 1) {
    loudest = Math.max(loudest, Math.abs(caller(frame)), Math.abs(callee(frame)));
    if (caller(frame) === callee(frame)) same += 1;
    if (caller(frame) === caller(frame + 1)) shifted += 1;
  }
  t.ok(loudest < 32_124 && loudest > 5_000, String(loudest));
  t.ok(same < 4 * voiceRate * 0.02, `${same} alike`);
  t.ok(shifted < 4 * voiceRate * 0.05, `${shifted} do not show a shift`);
  t.equal(caller(100), tune('caller')(100));
  t.end();
});

t.test('a stereo file has the caller left and the callee right, and begins again at its end', (t) => {
  const { caller, callee, seconds } = voicesOf(wavOf([1, -1, 2, -2, 3, -3], { channels: 2 }), 'a.wav');
  t.strictSame([0, 1, 2, 3, 7].map(caller), [1, 2, 3, 1, 2]);
  t.strictSame([0, 1, 2, 3, 7].map(callee), [-1, -2, -3, -1, -2]);
  t.equal(seconds, 3 / 8_000);
  t.end();
});

t.test('a mono file is the voice of both', (t) => {
  const { caller, callee } = voicesOf(wavOf([4, 5]), 'a.wav');
  t.strictSame([caller(1), callee(1)], [5, 5]);
  t.end();
});

t.test('G.711 is decoded', (t) => {
  const samples = Int16Array.from([0, 1_000, -1_000, 30_000]);
  for (const [tag, bytes] of [[7, encodePcmu(samples)], [6, encodePcma(samples)]] as const) {
    const { caller } = voicesOf(rawWav(tag, 8, bytes), 'a.wav');
    t.ok([0, 1, 2, 3].every((at) => Math.abs(caller(at) - samples[at]!) < 600));
  }
  t.end();
});

t.test('a file that cannot be played is refused with the reason and the way out', (t) => {
  for (const [file, reason] of [
    [Buffer.from('no wav'), /no WAV file/],
    [wavOf([1, 2], { sampleRate: 16_000 }), /16000 samples a second/],
    [wavOf([1, 2, 3], { channels: 3 }), /3 channels/],
    [wavOf([]), /empty/],
    [rawWav(1, 24, Buffer.alloc(6)), /24 bits/],
  ] as const) {
    t.throws(() => voicesOf(file, 'a.wav'), { code: 'AUDIO_UNUSABLE', message: reason });
    t.throws(() => voicesOf(file, 'a.wav'), { message: /^a\.wav cannot be played.*sox a\.wav -r 8000/ });
  }
  t.end();
});
