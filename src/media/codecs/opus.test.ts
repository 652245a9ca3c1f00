import fc from 'fast-check';
import t from 'tap';
import { joinOpusFrames, opusChannels, opusSilence, opusTicks } from './opus-packet.js';
import { openOpusEncoder, openOpusTranscoder } from './opus.js';
import { energy, fit, speechLike } from '../signal.fixture.js';

t.test('the length of a packet by its first octets (RFC 6716 §3.1, table 2)', (t) => {
  for (const [hex, ticks, channels, what] of [
    ['08', 960, 1, 'SILK, 20 ms'],
    ['1a', 5_760, 1, 'SILK, two of 60 ms'],
    ['1f03', 0, 2, 'three of 60 ms are too long'],
    ['60ff', 480, 1, 'hybrid, 10 ms'],
    ['6cff', 960, 2, 'hybrid, 20 ms, stereo'],
    ['80', 0, 1, 'CELT, 2.5 ms, no multiple of 10'],
    ['8304', 480, 1, 'four of them'],
    ['f8fffe', 960, 1, 'CELT, 20 ms'],
    ['f1ff', 960, 1, 'CELT, two of 10 ms'],
    ['f303', 1_440, 1, 'CELT, three of 10 ms'],
    ['f300', 0, 1, 'none'],
    ['', 0, 1, 'nothing'],
  ] as const) {
    const packet = Buffer.from(hex, 'hex');
    t.strictSame([opusTicks(packet), opusChannels(packet)], [ticks, channels], what);
  }
  t.end();
});

t.test('frames are joined with lengths of one octet and of two (RFC 6716 §3.2.1)', (t) => {
  const frame = (octets: number): Buffer => Buffer.concat([Buffer.of(0xf0), Buffer.alloc(octets, octets)]);
  const packet = joinOpusFrames([frame(1), frame(251), frame(252), frame(1_275), frame(2)]);
  // 252 is 252 and 0 times 4; 1,275 is 255 and 255 times 4.
  t.equal(packet.subarray(0, 8).toString('hex'), 'f38501fbfc00ffff');
  t.equal(packet.length, 8 + 1 + 251 + 252 + 1_275 + 2);
  t.equal(joinOpusFrames([frame(3)]).toString('hex'), 'f0030303', 'one stays as it is');
  t.end();
});

t.test('silence of any length is heard as silence', async (t) => {
  const opus = await openOpusTranscoder(1);
  for (const ticks of [480, 960, 1_440, 1_920, 2_400, 2_880, 5_760]) {
    const packet = opusSilence(ticks);
    t.equal(opusTicks(packet), ticks);
    const samples = opus.decode(packet);
    t.equal(samples?.length, ticks);
    t.ok(samples?.every((sample) => sample === 0));
  }
  opus.close();
});

for (const channels of [1, 2] as const) {
  t.test(`speech comes back as it was, in packets of 10 to 60 ms, ${channels === 1 ? 'mono' : 'stereo'}`, async (t) => {
    const mono = speechLike(48_000, 1);
    const speech = channels === 1 ? mono : Int16Array.from({ length: mono.length * 2 }, (_, n) => (n % 2 === 0 ? (mono[n >> 1] ?? 0) : -(mono[n >> 1] ?? 0)));
    for (const ms of [10, 20, 30, 40, 50, 60]) {
      const opus = await openOpusTranscoder(channels);
      const samplesEach = ms * 48 * channels;
      const heard: number[] = [];
      for (let at = 0; at + samplesEach <= speech.length; at += samplesEach) {
        const packet = opus.encode(speech.subarray(at, at + samplesEach));
        t.equal(opusTicks(packet), ms * 48);
        t.equal(opusChannels(packet), channels);
        heard.push(...(opus.decode(packet) ?? []));
      }
      const left = Int16Array.from(heard.filter((_, n) => n % channels === 0));
      const { snrDb, gain } = fit(mono.subarray(12_000, 30_000), left.subarray(12_000), 130);
      t.ok(snrDb > 15 && Math.abs(gain - 1) < 0.1, `${ms} ms: ${snrDb} dB, gain ${gain}`);
      opus.close();
    }
  });
}

t.test('frames of one encoder are alike whatever it hears, so that they can be joined', async (t) => {
  const encoder = await openOpusEncoder();
  const parts = [speechLike(48_000, 0.5), new Int16Array(24_000), Int16Array.from({ length: 24_000 }, (_, n) => ((n * 7_919) % 60_013) - 30_000), new Int16Array(24_000).fill(3)];
  for (const part of parts) t.equal(opusTicks(encoder.encode(part.subarray(0, 5_760))), 5_760);
  encoder.close();
});

t.test('octets that are no Opus are undefined, and harm nothing', async (t) => {
  const opus = await openOpusTranscoder(1);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
    const samples = opus.decode(Buffer.from(octets));
    return samples === undefined || samples.length <= 5_760;
  }));
  const speech = speechLike(48_000, 0.1);
  t.ok(energy(opus.decode(opus.encode(speech)) ?? []) > 0);
  opus.close();
});
