import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { toneIn } from '../media/signal.fixture.js';
import { blockFrames, Mixer, type Block, type MixerOptions } from './mixer.js';

const rate = 8_000;
/** Eighteen seconds, rounded up to whole blocks. */
const windowFrames = Math.ceil((18 * rate) / blockFrames) * blockFrames;
const latest = windowFrames - blockFrames;
const ones = (count: number, value = 1): Int16Array => new Int16Array(count).fill(value);

/** A mixer of 8,000 Hz, and all that has come out of it. */
function mixing(channels: number, frames: number, more: Partial<MixerOptions> = {}) {
  const mixer = new Mixer({ channels, frames, sampleRate: rate, ...more });
  const blocks: Block[] = [];
  const place = (channel: number, frame: number, samples: Int16Array, at = rate): void => {
    for (const block of mixer.upTo(Math.ceil(((frame + samples.length) * (more.sampleRate ?? rate)) / at))) blocks.push(block.map((channelSamples) => channelSamples.slice()));
    mixer.place(channel, at, frame, samples, samples.length);
  };
  const whole = (): Int16Array[] => {
    for (const block of mixer.finish()) blocks.push(block.map((channelSamples) => channelSamples.slice()));
    return Array.from({ length: channels }, (_, channel) => Int16Array.from(blocks.flatMap((block) => [...block[channel]!])));
  };
  /** The same samples by way of octets: `codes[octet]`. */
  const placeOctets = (channel: number, frame: number, octets: Buffer, codes: Int16Array): void => {
    for (const block of mixer.upTo(frame + octets.length)) blocks.push(block.map((channelSamples) => channelSamples.slice()));
    const around = Buffer.concat([Buffer.alloc(3, 0xee), octets, Buffer.alloc(3, 0xee)]);
    mixer.placeOctets(channel, rate, frame, around, 3, octets.length, codes);
  };
  return { mixer, place, placeOctets, whole };
}

t.test('each channel by itself: what nobody said is silence, what lies beyond the ends is cut', (t) => {
  const { mixer, place, whole } = mixing(2, 4);
  place(0, 1, ones(2, 5));
  place(1, 3, ones(9, -7));
  place(1, 90, ones(3));
  t.strictSame(whole().map((channel) => [...channel]), [[0, 5, 5, 0], [0, 0, 0, -7]]);
  t.equal(mixer.tooLate, 0);
  t.end();
});

t.test('later samples replace earlier ones', (t) => {
  const { place, whole } = mixing(1, 3);
  place(0, 0, ones(3, 1));
  place(0, 1, ones(1, 2));
  t.strictSame([...whole()[0]!], [1, 2, 1]);
  t.end();
});

t.test('samples whose place has gone out are counted, those of the packet that still fit are heard', (t) => {
  const frames = windowFrames + blockFrames;
  const { mixer, place, whole } = mixing(1, frames);
  place(0, frames - 10, ones(10));
  place(0, 0, ones(100));
  t.equal(mixer.tooLate, 100);
  place(0, blockFrames - 50, ones(100, 3));
  t.equal(mixer.tooLate, 150);
  const [out] = whole();
  t.strictSame([out!.length, out![blockFrames - 1], out![blockFrames], out![frames - 1]], [frames, 0, 3, 1]);
  t.end();
});

t.test('in any order within the window it equals a plain array', (t) => {
  const packet = fc.record({ channel: fc.nat({ max: 1 }), frame: fc.integer({ min: -50, max: 40_000 }), count: fc.integer({ min: 1, max: 400 }), value: fc.integer({ min: -32_768, max: 32_767 }) });
  fc.assert(fc.property(fc.array(packet, { maxLength: 60 }), fc.integer({ min: 1, max: 38_000 }), (packets, frames) => {
    const { place, whole } = mixing(2, frames);
    const plain = [new Int16Array(frames), new Int16Array(frames)];
    for (const { channel, frame, count, value } of packets) {
      place(channel, frame, ones(count, value));
      plain[channel]!.fill(value, Math.max(0, frame), Math.max(0, Math.min(frames, frame + count)));
    }
    assert.deepEqual(whole(), plain);
  }), { numRuns: 40 });
  t.end();
});

t.test('octets stand where their samples would, at the edges of the window and of the recording too', (t) => {
  const codes = Int16Array.from({ length: 256 }, (_, octet) => 100 * octet - 12_000);
  const packet = fc.record({ ahead: fc.oneof(fc.nat({ max: 500 }), fc.nat({ max: windowFrames })), late: fc.oneof(fc.constant(0), fc.nat({ max: 2 * windowFrames })), octets: fc.uint8Array({ minLength: 1, maxLength: 300 }) });
  fc.assert(fc.property(fc.array(packet, { maxLength: 30 }), fc.integer({ min: 1, max: 400_000 }), (packets, frames) => {
    const [byOctets, bySamples] = [mixing(1, frames), mixing(1, frames)];
    let front = -100;
    for (const { ahead, late, octets } of packets) {
      front += ahead;
      byOctets.placeOctets(0, front - late, Buffer.from(octets), codes);
      bySamples.place(0, front - late, Int16Array.from(octets, (octet) => codes[octet]!));
    }
    const [[one], [other]] = [byOctets.whole(), bySamples.whole()];
    assert.ok(Buffer.from(one!.buffer).equals(Buffer.from(other!.buffer)));
    assert.equal(byOctets.mixer.tooLate, bySamples.mixer.tooLate);
  }), { numRuns: 40 });
  t.end();
});

t.test('packets far apart, each late by less than the window, stand where a plain array has them', (t) => {
  const lag = fc.array(fc.record({ ahead: fc.integer({ min: 0, max: 300_000 }), late: fc.integer({ min: 0, max: latest - 400 }) }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(lag, (steps) => {
    const frames = 400_000;
    const { mixer, place, whole } = mixing(1, frames);
    const plain = new Int16Array(frames);
    let front = 0;
    steps.forEach(({ ahead, late }, n) => {
      front = Math.min(frames - 200, front + ahead);
      for (const at of [front, Math.max(0, front - late)]) {
        place(0, at, ones(200, n + 1));
        plain.fill(n + 1, at, at + 200);
      }
    });
    assert.ok(Buffer.from(whole()[0]!.buffer).equals(Buffer.from(plain.buffer)));
    assert.equal(mixer.tooLate, 0);
  }), { numRuns: 25 });
  t.end();
});

t.test('an hour on hold costs no hour of memory', (t) => {
  const hour = 3_600 * rate;
  const mixer = new Mixer({ channels: 2, frames: hour + 160, sampleRate: rate });
  mixer.place(0, rate, 0, ones(160), 160);
  const bytes = (): number => process.memoryUsage().arrayBuffers;
  const before = bytes();
  let frames = 0;
  for (const block of mixer.upTo(hour + 160)) frames += block[0]!.length;
  mixer.place(0, rate, hour, ones(160), 160);
  let last: Block | undefined;
  for (const block of mixer.finish()) {
    frames += block[0]!.length;
    last = block;
  }
  t.ok(bytes() - before < 3e6, `${bytes() - before} bytes`);
  t.strictSame([frames, last?.[0]?.at(-1), last?.[1]?.at(-1)], [hour + 160, 1, 0]);
  t.end();
});

t.test('what was heard at another rate has the same place, level and pitch at the rate of the recording', (t) => {
  for (const from of [8_000, 16_000, 44_100]) {
    const seconds = 30;
    const { mixer, place, whole } = mixing(1, seconds * 48_000, { sampleRate: 48_000 });
    const tone = Int16Array.from({ length: from }, (_, n) => Math.round(9_000 * Math.sin((2 * Math.PI * 1_000 * n) / from)));
    // A second of tone at the third second and at the 25th, in packets, the ends of which are out of order.
    for (const second of [3, 25]) {
      const packets = Array.from({ length: 50 }, (_, n) => [second * from + (n * from) / 50, tone.subarray((n * from) / 50, ((n + 1) * from) / 50)] as const);
      for (const [at, samples] of [...packets.slice(5), ...packets.slice(0, 5)]) place(0, at, samples, from);
    }
    const [out] = whole();
    t.equal(mixer.tooLate, 0);
    for (const second of [3, 25]) {
      const middle = out!.subarray(second * 48_000 + 4_800, second * 48_000 + 43_200);
      t.ok(Math.abs(toneIn(middle, 48_000, 1_000) - 9_000) < 60, `${from} Hz: ${toneIn(middle, 48_000, 1_000)}`);
      const wanted = Int16Array.from({ length: middle.length }, (_, n) => Math.round(9_000 * Math.sin((2 * Math.PI * 1_000 * (n + 4_800)) / 48_000)));
      t.ok(middle.every((sample, n) => Math.abs(sample - wanted[n]!) < 60), `${from} Hz: no delay`);
    }
    t.ok(out!.subarray(5 * 48_000, 24 * 48_000).every((sample) => sample === 0));
  }
  t.end();
});

t.test('codes have their own silence, and the mask has the last word', (t) => {
  const masked: [number, number, number][] = [];
  const { place, whole } = mixing(2, 6, { silence: 0xff, mask: (channel, frame, samples) => {
    masked.push([channel, frame, samples.length]);
    samples.fill(0xff, 0, 2);
  } });
  place(0, 1, ones(3, 7));
  t.strictSame(whole().map((channel) => [...channel]), [[255, 255, 7, 7, 255, 255], [255, 255, 255, 255, 255, 255]]);
  t.strictSame(masked, [[0, 0, 6]], 'where nobody speaks there is nothing to mask');
  t.end();
});
