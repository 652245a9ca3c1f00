import t from 'tap';
import { mixedDown, wavSamples } from './wav-samples.js';

t.test('PCM of 16 bits and G.711 become samples; other PCM does not', (t) => {
  const of = (format: 'pcm' | 'pcmu' | 'pcma', bitsPerSample: number, hex: string): Int16Array | undefined =>
    wavSamples({ format, bitsPerSample, channels: 1, sampleRate: 8_000, data: Buffer.from(hex, 'hex') });
  t.strictSame(of('pcm', 16, '0100feff0080'), Int16Array.of(1, -2, -32_768));
  t.strictSame(of('pcmu', 8, 'ff00'), Int16Array.of(0, -32_124));
  t.strictSame(of('pcma', 8, 'd5'), Int16Array.of(8));
  t.equal(of('pcm', 24, '010203'), undefined);
  t.end();
});

t.test('channels are mixed down to their mean', (t) => {
  t.strictSame(mixedDown(Int16Array.of(1, 2, 3), 1), Int16Array.of(1, 2, 3));
  t.strictSame(mixedDown(Int16Array.of(100, 300, 32_767, 32_767, -32_768, 32_767), 2), Int16Array.of(200, 32_767, -0));
  t.end();
});
