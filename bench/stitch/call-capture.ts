/** The capture of a call of two parties in G.711, and the same audio as WAV files of one side each. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { openCaptureWriter } from '../../src/capture/index.js';
import { decodePcmu, encodePcmu, encodeRtp, encodeWavHeader } from '../../src/media/index.js';
import { speechLike } from '../../src/media/signal.fixture.js';
import { streamOf } from '../../src/stitch/call.fixture.js';
import { loadOrCreateKeys } from '../../src/vault/index.js';

const [packetMs, packetSamples] = [20, 160];
const patternSeconds = 60;
const startMs = Date.UTC(2026, 0, 1);

/** Writes DIR/c1, DIR/keys, DIR/left.wav, DIR/right.wav and DIR/both.wav. */
export async function writeCall(dir: string, seconds: number): Promise<void> {
  const codes = encodePcmu(speechLike(8_000, patternSeconds));
  const keys = await loadOrCreateKeys(join(dir, 'keys'));
  let nowMs = startMs;
  const writer = await openCaptureWriter(join(dir, 'c1'), keys.public, { captureId: 'c1', sessionId: 'bench', recorder: 'bench', metadata: {} }, { flushMs: 1e6, now: () => nowMs });
  writer.event({ type: 'streams', streams: [streamOf(0), streamOf(1)] });
  const patternPackets = (patternSeconds * 1_000) / packetMs;
  const payloadOf = (n: number, side: number): Buffer => {
    const at = ((n + side * 700) % patternPackets) * packetSamples;
    return codes.subarray(at, at + packetSamples);
  };
  const packets = (seconds * 1_000) / packetMs;
  const files = await Promise.all(['left', 'right', 'both'].map((name) => open(join(dir, `${name}.wav`), 'w')));
  try {
    for (const [n, file] of files.entries()) await file.write(encodeWavHeader({ channels: n === 2 ? 2 : 1, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames: packets * packetSamples }));
    const second = 1_000 / packetMs;
    for (let from = 0; from < packets; from += second) {
      const sides = [0, 1].map((side) => {
        const samples = new Int16Array(second * packetSamples);
        for (let n = 0; n < second; n += 1) decodePcmu(payloadOf(from + n, side), samples, n * packetSamples);
        return samples;
      });
      const [left = new Int16Array(0), right = new Int16Array(0)] = sides;
      const both = Int16Array.from({ length: 2 * left.length }, (_, n) => (n % 2 === 0 ? left : right)[n >> 1] ?? 0);
      for (const [n, samples] of [left, right, both].entries()) await files[n]?.write(Buffer.from(samples.buffer));
      for (let n = from; n < from + second; n += 1) {
        for (const side of [0, 1]) {
          nowMs = startMs + n * packetMs + side * 3;
          writer.packet(side, nowMs, false, encodeRtp({ payloadType: 0, sequenceNumber: n & 0xffff, timestamp: (n * packetSamples) >>> 0, ssrc: side + 1, payload: payloadOf(n, side) }));
        }
      }
      if (from % (50 * second) === 0) await writer.flush();
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
  await writer.close('bye');
}
