import fc from 'fast-check';
import t from 'tap';
import { audioCodec, audioCodecNames, isBesideAudio, staticCodec, type AudioCodec } from './codec.js';
import { G722Encoder } from './g722.js';
import { opusSilence } from './opus-packet.js';
import { openOpusTranscoder } from './opus.js';
import { speechLike, toneIn } from '../signal.fixture.js';

const line = (name: string, clockRate = 8_000, more: { channels?: number; fmtp?: string } = {}) => ({ name, clockRate, ...more });
const codecOf = (name: string, clockRate = 8_000, more = {}): AudioCodec => audioCodec(line(name, clockRate, more))!;

/** All that a codec hears in these payloads, in one run. */
async function heard(codec: AudioCodec, payloads: readonly Buffer[]): Promise<Int16Array> {
  if (codec.decoding.by !== 'us') throw new Error('decoded elsewhere');
  const decoder = await codec.decoding.open();
  const parts = payloads.map((payload) => {
    const out = new Int16Array((codec.ticksIn(payload) * codec.sampleRate) / codec.clockRate);
    t.equal(decoder.decode(payload, out, 0), out.length);
    return out;
  });
  decoder.close();
  return Int16Array.from(parts.flatMap((part) => [...part]));
}

t.test('RFC 3551, RFC 4855: codecs by name, in any case, and clock rate', (t) => {
  for (const [name, clockRate, sampleRate] of [['pcmu', 8_000, 8_000], ['PCMA', 16_000, 16_000], ['g722', 8_000, 16_000], ['OPUS', 48_000, 48_000], ['GSM', 8_000, 8_000], ['g729a', 8_000, 8_000], ['iLBC', 8_000, 8_000], ['AMR', 8_000, 8_000], ['amr-wb', 16_000, 16_000], ['L16', 44_100, 44_100]] as const) {
    t.match(audioCodec(line(name, clockRate)), { clockRate, sampleRate }, name);
  }
  for (const [name, clockRate] of [['G722', 16_000], ['opus', 8_000], ['AMR', 16_000], ['AMR-WB', 8_000], ['PCMU', 7_999], ['L16', 96_000], ['telephone-event', 8_000], ['CN', 8_000], ['G723', 8_000]] as const) {
    t.equal(audioCodec(line(name, clockRate)), undefined, name);
  }
  t.equal(audioCodec(line('PCMU', 8_000, { channels: 2 })), undefined);
  for (const fmtp of ['octet-align=1;crc=1', 'robust-sorting=1', 'interleaving=4']) t.equal(audioCodec(line('AMR', 8_000, { fmtp })), undefined, fmtp);
  t.match([0, 3, 8, 9, 18, 13, 19].map((type) => staticCodec(type)?.name), ['PCMU', 'GSM', 'PCMA', 'G722', 'G729', 'CN', 'CN']);
  t.equal(staticCodec(96), undefined);
  t.end();
});

t.test('comfort noise and events go along with a voice', (t) => {
  t.strictSame(['cn', 'telephone-event', 'PCMU'].map((name) => isBesideAudio(line(name))), [true, true, false]);
  t.ok(audioCodecNames.every((name) => audioCodec(line(name, name === 'opus' ? 48_000 : name === 'AMR-WB' ? 16_000 : 8_000))?.name === name));
  t.end();
});

t.test('G.722: its clock counts 8,000, a tone of 1 kHz is of 1 kHz at 16,000 samples', async (t) => {
  const samples = Int16Array.from({ length: 16_000 }, (_, n) => Math.round(8_000 * Math.sin((2 * Math.PI * 1_000 * n) / 16_000)));
  const payload = new G722Encoder().encode(samples);
  const codec = codecOf('G722');
  t.equal(codec.ticksIn(payload), 8_000);
  const out = await heard(codec, [payload]);
  t.equal(out.length, 16_000);
  t.ok(Math.abs(toneIn(out.subarray(4_000), 16_000, 1_000) - 8_000) < 400);
});

t.test('Opus: packets of all lengths, stereo as its mean, a packet of no sound as silence of its length', async (t) => {
  const codec = codecOf('opus', 48_000, { channels: 2 });
  const stereo = await openOpusTranscoder(2);
  const mono = speechLike(48_000, 1);
  const both = Int16Array.from({ length: mono.length * 2 }, (_, n) => (n % 2 === 0 ? mono[n >> 1]! : 0));
  const payloads = Array.from({ length: 50 }, (_, n) => stereo.encode(both.subarray(n * 1_920, (n + 1) * 1_920)));
  stereo.close();
  const out = await heard(codec, [...payloads, Buffer.of(0x78), Buffer.of(0x78, 0)]);
  t.equal(out.length, 48_000 + 2 * 960);
  const level = (samples: Int16Array): number => Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  t.ok(Math.abs(level(out.subarray(4_800, 43_200)) / level(mono.subarray(4_800, 43_200)) - 0.5) < 0.05);
  t.ok(out.subarray(48_000).every((sample) => sample === 0));
  t.equal(codec.ticksIn(opusSilence(480)), 480);
  // CELT in frames of 2.5 and 5 ms (RFC 6716 table 2, configurations 28 and 29).
  t.strictSame([Buffer.of(28 << 3, 1), Buffer.of(29 << 3, 1), Buffer.alloc(0)].map((payload) => codec.ticksIn(payload)), [120, 240, 0]);
});

t.test('G.729: frames of ten octets, comfort noise at their end is silence', (t) => {
  const codec = codecOf('G729');
  t.strictSame([20, 22, 2, 10, 15, 0].map((length) => codec.ticksIn(Buffer.alloc(length))), [160, 160, 0, 80, 0, 0]);
  t.end();
});

t.test('iLBC: 30 ms unless the mode says 20; an empty frame is silence', (t) => {
  const [thirty, twenty] = [codecOf('iLBC'), codecOf('iLBC', 8_000, { fmtp: 'mode=20' })];
  const [frame30, frame20] = [Buffer.alloc(50), Buffer.alloc(38)];
  frame30[5] = 1 << 5;
  frame20[2] = 1 << 2;
  t.strictSame([thirty.ticksIn(Buffer.concat([frame30, frame30])), thirty.ticksIn(frame20), twenty.ticksIn(frame20)], [480, 0, 160]);
  const empty = Buffer.from(frame30);
  empty[49] = 1;
  t.equal(thirty.ticksIn(empty), 0);
  t.equal(thirty.ticksIn(Buffer.alloc(50)), 0, 'a start state that there is not');
  t.end();
});

/** The same frames in both shapes of RFC 4867: each is its type, whether it is good, and its bits. */
function amrPayloads(frames: readonly { type: number; good: boolean; bits: readonly number[] }[]): { aligned: Buffer; efficient: Buffer } {
  const packed = (bits: readonly number[]): Buffer => Buffer.from(Array.from({ length: Math.ceil(bits.length / 8) }, (_, n) => Number.parseInt(bits.slice(8 * n, 8 * n + 8).join('').padEnd(8, '0'), 2)));
  const entry = ({ type, good }: { type: number; good: boolean }, last: boolean): number[] => [last ? 0 : 1, (type >> 3) & 1, (type >> 2) & 1, (type >> 1) & 1, type & 1, good ? 1 : 0];
  const entries = frames.map((frame, n) => entry(frame, n === frames.length - 1));
  return {
    aligned: Buffer.concat([Buffer.of(0xf0), ...entries.map((bits) => packed([...bits, 0, 0])), ...frames.map(({ bits }) => packed(bits))]),
    efficient: packed([1, 1, 1, 1, ...entries.flat(), ...frames.flatMap(({ bits }) => [...bits])]),
  };
}

const narrowBits = [95, 103, 118, 134, 148, 159, 204, 244];
const someBits = (count: number): number[] => Array.from({ length: count }, (_, n) => (n * n + (n >> 3)) & 1);

t.test('AMR: the same frames out of both shapes, comfort noise and damaged frames as silence', (t) => {
  const frames = [...narrowBits.map((count, type) => ({ type, good: true, bits: someBits(count) })), { type: 8, good: true, bits: someBits(39) }, { type: 7, good: false, bits: someBits(244) }, { type: 15, good: true, bits: [] }];
  const { aligned, efficient } = amrPayloads(frames);
  const speech = [codecOf('AMR', 8_000, { fmtp: 'octet-align=1' }), codecOf('AMR', 8_000, { fmtp: 'mode-set=0,7' })].map(({ decoding }) => (decoding.by === 'program' ? decoding.speech : undefined));
  const [one, other] = [speech[0]!.framesIn(aligned), speech[1]!.framesIn(efficient)];
  t.strictSame(one, other);
  t.strictSame(one.map((frame) => frame?.length), [...narrowBits.map((count) => 1 + Math.ceil(count / 8)), undefined, undefined, undefined]);
  t.strictSame(one.slice(0, 8).map((frame) => frame![0]), narrowBits.map((_, type) => (type << 3) | 4));
  t.equal(codecOf('AMR', 8_000, { fmtp: 'octet-align=1' }).ticksIn(aligned), 11 * 160);
  t.equal(codecOf('AMR', 8_000, { fmtp: 'octet-align=1' }).ticksIn(amrPayloads(frames.slice(8)).aligned), 0, 'no speech');
  const wide = amrPayloads([{ type: 2, good: true, bits: someBits(253) }, { type: 9, good: true, bits: someBits(40) }]);
  t.equal(codecOf('AMR-WB', 16_000).ticksIn(wide.efficient), 640);
  t.end();
});

t.test('AMR: a payload that is cut anywhere, or of reserved types, has no frames', (t) => {
  const { aligned, efficient } = amrPayloads([{ type: 3, good: true, bits: someBits(134) }, { type: 7, good: true, bits: someBits(244) }]);
  for (const [payload, fmtp] of [[aligned, 'octet-align=1'], [efficient, '']] as const) {
    const codec = codecOf('AMR', 8_000, { fmtp });
    for (let end = 0; end < payload.length; end += 1) t.equal(codec.ticksIn(payload.subarray(0, end)), 0);
    t.equal(codec.ticksIn(payload), 320);
    t.equal(codec.ticksIn(amrPayloads([{ type: 12, good: true, bits: [] }])[fmtp === '' ? 'efficient' : 'aligned']), 0);
    t.equal(codec.ticksIn(Buffer.alloc(60, 0xff)), 0, 'a table without end');
  }
  t.end();
});

t.test('whatever comes, no codec throws, and what it decodes is as long as it said', async () => {
  const codecs = [codecOf('PCMU'), codecOf('PCMA'), codecOf('G722'), codecOf('GSM'), codecOf('L16', 16_000, { channels: 2 }), codecOf('opus', 48_000)];
  const decoders = await Promise.all(codecs.map(async (codec) => (codec.decoding.by === 'us' ? { codec, decoder: await codec.decoding.open() } : undefined)));
  const framed = [codecOf('G729'), codecOf('iLBC'), codecOf('AMR'), codecOf('AMR', 8_000, { fmtp: 'octet-align=1' }), codecOf('AMR-WB', 16_000)];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    const payload = Buffer.from(octets);
    for (const one of decoders) {
      const due = (one!.codec.ticksIn(payload) * one!.codec.sampleRate) / one!.codec.clockRate;
      const count = one!.decoder.decode(payload, new Int16Array(due), 0);
      if (one!.codec.name === 'opus' ? count > due : count !== due) return false;
    }
    return framed.every((codec) => codec.ticksIn(payload) % 80 === 0);
  }));
  for (const one of decoders) one!.decoder.close();
});
