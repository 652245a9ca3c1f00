import t, { type Test } from 'tap';
import { clip, tone, type Audio } from './audio.js';
import { decodePcma, G722Decoder, voiceCodec, type Encoder, type VoiceCodec } from './codecs/index.js';
import { fit, speechLike, toneIn } from './signal.fixture.js';
import { Sound } from './sound.js';

const codecOf = (name: string): VoiceCodec => voiceCodec(name, name === 'opus' ? 48_000 : 8_000)!;

/** How many of its encoders are open, and what they were given. */
function watched(codec: VoiceCodec): { codec: VoiceCodec; count: { open: number; opened: number; samples: number } } {
  const count = { open: 0, opened: 0, samples: 0 };
  const openEncoder = async (): Promise<Encoder> => {
    const encoder = await codec.openEncoder();
    count.open += 1;
    count.opened += 1;
    return {
      encode(samples) {
        count.samples += samples.length;
        return encoder.encode(samples);
      },
      close() {
        count.open -= 1;
        encoder.close();
      },
    };
  };
  return { codec: { ...codec, openEncoder }, count };
}

async function heard(sound: Sound, codec: VoiceCodec, packetMs: number, ms: number): Promise<Int16Array> {
  const reader = await sound.open(codec);
  const ticks = (codec.clockRate * packetMs) / 1_000;
  const decoder = await codec.openTranscoder(reader.payload(0, ticks));
  const samples: number[] = [];
  for (let at = 0; at * packetMs < ms; at += 1) samples.push(...decoder.decode(reader.payload(at * ticks, ticks))!);
  decoder.close();
  reader.close();
  return Int16Array.from(samples);
}

for (const name of ['PCMU', 'PCMA', 'G722', 'opus']) {
  t.test(`${name}: a clip is heard as it is, in packets of any length, and then silence`, async (t) => {
    const codec = codecOf(name);
    const source = speechLike(16_000, 1);
    const wanted = new Int16Array(codec.sampleRate);
    const audio = clip(source, 16_000);
    audio.read(codec.sampleRate, 0, wanted);
    const sound = new Sound(audio);
    for (const packetMs of [10, 20, 30, 40, 60]) {
      const samples = await heard(sound, codec, packetMs, 1_200);
      const { snrDb, gain } = fit(wanted.subarray(0, codec.sampleRate * 0.9), samples, name === 'opus' ? 130 : 24);
      t.ok(snrDb > 15 && Math.abs(gain - 1) < 0.1, `${packetMs} ms: ${snrDb.toFixed(1)} dB, gain ${gain.toFixed(2)}`);
      t.ok(samples.subarray(codec.sampleRate * 1.1).every((sample) => Math.abs(sample) < 40), 'silence after its end');
    }
  });
}

t.test('the samples of A-law are those of the clip, each of them', async (t) => {
  const source = speechLike(8_000, 0.3);
  const reader = await new Sound(clip(source, 8_000)).open(codecOf('PCMA'));
  const samples = new Int16Array(200);
  decodePcma(reader.payload(37, 200), samples, 0);
  t.ok(samples.every((sample, n) => Math.abs(sample - source[37 + n]!) <= Math.max(16, Math.abs(source[37 + n]!) / 16)), 'also at no multiple of a packet');
});

t.test('however many calls hear it, it is encoded once, and only as far as they have come', async (t) => {
  for (const name of ['PCMU', 'opus']) {
    const { codec, count } = watched(codecOf(name));
    const sound = new Sound(tone({ hertz: 500, durationMs: 1_000, peak: 8_000, rampMs: 5 }));
    const [first, second] = await Promise.all([sound.open(codec), sound.open(codec)]);
    const ticks = codec.clockRate / 50;
    for (let n = 0; n < 10; n += 1) t.strictSame(first.payload(n * ticks, ticks), second.payload(n * ticks, ticks));
    t.equal(count.samples, codec.sampleRate / 5);
    for (let n = 10; n < 60; n += 1) first.payload(n * ticks, ticks);
    t.strictSame(count, { open: 0, opened: 1, samples: (codec.sampleRate * 112) / 100 }, 'and to its end once');
    t.strictSame(second.payload(49 * ticks, ticks), first.payload(49 * ticks, ticks));
    for (const reader of [first, second]) reader.close();
    t.equal(count.open, 0);
  }
});

t.test('an encoder is closed with the last that listens, and the next goes on where it stopped', async (t) => {
  const { codec, count } = watched(codecOf('G722'));
  const audio = clip(speechLike(16_000, 1), 16_000);
  const sound = new Sound(audio);
  const [first, other] = [await sound.open(codec), await sound.open(codec)];
  first.payload(0, 3_200);
  first.close();
  first.close();
  t.equal(count.open, 1, 'one listens still');
  other.close();
  t.equal(count.open, 0);
  const next = await sound.open(codec);
  t.equal(count.opened, 2);
  const samples = new Int16Array(16_000);
  new G722Decoder().decode(next.payload(0, 8_000), samples, 0);
  const wanted = new Int16Array(16_000);
  audio.read(16_000, 0, wanted);
  t.ok(fit(wanted, samples, 24).snrDb > 15, 'without a break');
  next.close();
  t.equal(count.open, 0);
});

t.test('who cannot open it is told, and the next may try again', async (t) => {
  const codec = codecOf('PCMU');
  let fails = true;
  const failing: VoiceCodec = { ...codec, openEncoder: () => (fails ? Promise.reject(new Error('no memory')) : codec.openEncoder()) };
  const sound = new Sound(tone({ hertz: 500, durationMs: 100, peak: 8_000, rampMs: 5 }));
  await t.rejects(sound.open(failing), /no memory/);
  fails = false;
  t.equal((await sound.open(failing)).payload(0, 160).length, 160);
});

t.test('a tone has its pitch and its level, and rises and falls without a step', (t: Test) => {
  const audio: Audio = tone({ hertz: 1_400, durationMs: 500, peak: 3_000, rampMs: 10 });
  for (const rate of [8_000, 16_000, 48_000]) {
    const samples = new Int16Array(rate);
    audio.read(rate, -rate / 4, samples);
    const within = samples.subarray(rate / 4 + rate / 50, (3 * rate) / 4 - rate / 50);
    t.ok(Math.abs(toneIn(within, rate, 1_400) - 3_000) < 10);
    t.ok(samples.subarray(0, rate / 4).every((sample) => sample === 0) && samples.subarray((3 * rate) / 4).every((sample) => sample === 0));
    for (const edge of [rate / 4, (3 * rate) / 4 - rate / 1_000]) t.ok(samples.subarray(edge, edge + rate / 1_000).every((sample) => Math.abs(sample) < 100));
  }
  t.end();
});
