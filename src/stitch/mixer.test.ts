import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { Mixer } from './mixer.js';

const windowFrames = 131_072;
const ones = (count: number, value = 1): Int16Array => new Int16Array(count).fill(value);
const all = (mixer: Mixer): Buffer => Buffer.concat([...mixer.take(), ...mixer.finish()]);

t.test('channels are interleaved, what nobody said is silence, what lies beyond the ends is cut', (t) => {
  const mixer = new Mixer(2, 4);
  mixer.place(0, 1, ones(2, 5), 2);
  mixer.place(1, 3, ones(9, -7), 9);
  mixer.place(1, 90, ones(3), 3);
  const out = all(mixer);
  t.strictSame(Array.from({ length: 8 }, (_, at) => out.readInt16LE(at * 2)), [0, 0, 5, 0, 5, 0, 0, -7]);
  t.equal(out.length, 16);
  t.equal(mixer.tooLate, 0);
  t.end();
});

t.test('later samples replace earlier ones', (t) => {
  const mixer = new Mixer(1, 3);
  mixer.place(0, 0, ones(3, 1), 3);
  mixer.place(0, 1, ones(1, 2), 1);
  const out = all(mixer);
  t.strictSame([0, 2, 4].map((at) => out.readInt16LE(at)), [1, 2, 1]);
  t.end();
});

t.test('samples whose place has gone out are counted, those of the packet that still fit are heard', (t) => {
  const frames = windowFrames + 1_000;
  const mixer = new Mixer(1, frames);
  mixer.place(0, frames - 10, ones(10), 10);
  mixer.place(0, 0, ones(100), 100);
  t.equal(mixer.tooLate, 100);
  mixer.place(0, 950, ones(100, 3), 100);
  t.equal(mixer.tooLate, 150);
  const out = all(mixer);
  t.equal(out.length, frames * 2);
  t.equal(out.readInt16LE(999 * 2), 0);
  t.equal(out.readInt16LE(1_000 * 2), 3);
  t.end();
});

t.test('in any order within the window it equals a plain array', (t) => {
  const packet = fc.record({ channel: fc.nat({ max: 1 }), frame: fc.integer({ min: -50, max: 3_000 }), count: fc.integer({ min: 1, max: 400 }), value: fc.integer({ min: -32_768, max: 32_767 }) });
  fc.assert(fc.property(fc.array(packet, { maxLength: 60 }), fc.integer({ min: 1, max: 2_500 }), fc.nat({ max: 3 }), (packets, frames, takeEvery) => {
    const mixer = new Mixer(2, frames);
    const plain = [new Int16Array(frames), new Int16Array(frames)];
    const out: Buffer[] = [];
    packets.forEach(({ channel, frame, count, value }, n) => {
      mixer.place(channel, frame, ones(count, value), count);
      plain[channel]!.fill(value, Math.max(0, frame), Math.max(0, Math.min(frames, frame + count)));
      if (n % (takeEvery + 1) === 0) out.push(...mixer.take());
    });
    const whole = Buffer.concat([...out, ...mixer.finish()]);
    assert.equal(whole.length, frames * 4);
    for (let at = 0; at < frames; at += 1) {
      assert.equal(whole.readInt16LE(at * 4), plain[0]![at]);
      assert.equal(whole.readInt16LE(at * 4 + 2), plain[1]![at]);
    }
  }));
  t.end();
});

t.test('packets far apart, each late by less than the window, stand where a plain array has them', (t) => {
  const lag = fc.array(fc.record({ ahead: fc.integer({ min: 0, max: 300_000 }), late: fc.integer({ min: 0, max: windowFrames - 400 }) }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(lag, (steps) => {
    const frames = 400_000;
    const mixer = new Mixer(1, frames);
    const plain = new Int16Array(frames);
    let front = 0;
    const out: Buffer[] = [];
    steps.forEach(({ ahead, late }, n) => {
      front = Math.min(frames - 200, front + ahead);
      const frame = Math.max(0, front - late);
      for (const at of [front, frame]) {
        mixer.place(0, at, ones(200, n + 1), 200);
        plain.fill(n + 1, at, at + 200);
      }
      out.push(...mixer.take());
    });
    assert.ok(Buffer.concat([...out, ...mixer.finish()]).equals(Buffer.from(plain.buffer)));
    assert.equal(mixer.tooLate, 0);
  }), { numRuns: 25 });
  t.end();
});

t.test('an hour on hold costs no hour of memory', (t) => {
  const hour = 3_600 * 8_000;
  const mixer = new Mixer(2, hour + 160);
  mixer.place(0, 0, ones(160), 160);
  const bytes = (): number => process.memoryUsage().arrayBuffers;
  const before = bytes();
  mixer.place(0, hour, ones(160), 160);
  t.ok(bytes() - before < 3e6, `${bytes() - before} bytes`);
  const pieces = [...mixer.take(), ...mixer.finish()];
  t.ok(bytes() - before < 6e6, `${bytes() - before} bytes`);
  t.equal(pieces.reduce((sum, piece) => sum + piece.length, 0), (hour + 160) * 4);
  t.equal(pieces.at(-1)?.readInt16LE(pieces.at(-1)!.length - 4), 1);
  t.end();
});
