import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { speechLike } from '../signal.fixture.js';
import { GsmDecoder, gsmFrameBytes, gsmFrameSamples } from './gsm.js';

const raw = ['-t', 'raw', '-r', '8000', '-e', 'signed', '-b', '16', '-c', '1'];
const sox = (input: Buffer, ...args: string[]): Buffer => execFileSync('sox', args, { input });
const bytesOf = (samples: Int16Array): Buffer => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

function decoded(frames: Buffer): Int16Array {
  const out = new Int16Array(Math.floor(frames.length / gsmFrameBytes) * gsmFrameSamples);
  t.equal(new GsmDecoder().decode(frames, out, 0), out.length);
  return out;
}

t.test("speech and full-scale noise decode to the very samples that libgsm's decoder in sox gives", (t) => {
  const noise = Int16Array.from({ length: 32_000 }, (_, n) => Math.imul(n + 1, 2_654_435_761) >> 16);
  for (const samples of [speechLike(8_000, 4), noise]) {
    const frames = sox(bytesOf(samples), ...raw, '-', '-t', 'gsm', '-');
    const theirs = sox(frames, '-t', 'gsm', '-r', '8000', '-', ...raw, '-');
    t.ok(theirs.length >= samples.byteLength - 2 * gsmFrameSamples);
    t.ok(bytesOf(decoded(frames)).subarray(0, theirs.length).equals(theirs));
  }
  t.end();
});

t.test('any frames decode, to the same samples as libgsm', (t) => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: gsmFrameBytes, maxLength: gsmFrameBytes }), { minLength: 20, maxLength: 40 }), (all) => {
    const frames = Buffer.concat(all.map((frame) => Buffer.from(frame).fill(0xd0 | (frame[0]! & 15), 0, 1)));
    const theirs = sox(frames, '-t', 'gsm', '-r', '8000', '-', ...raw, '-');
    return bytesOf(decoded(frames)).subarray(0, theirs.length).equals(theirs);
  }), { numRuns: 10 });
  t.end();
});

t.test('a frame without its signature is silence, octets after the last frame are nothing', (t) => {
  const frame = Buffer.alloc(gsmFrameBytes, 0x55);
  t.ok(decoded(frame).every((sample) => sample === 0));
  t.equal(decoded(Buffer.concat([frame, Buffer.alloc(32, 0xd5)])).length, gsmFrameSamples);
  t.throws(() => new GsmDecoder().decode(frame, new Int16Array(159), 0), 'no room is a bug');
  t.end();
});
