import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from './frame-reader.js';

t.test('frames are found whatever the segmentation', (t) => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary-ascii', minLength: 1 })), fc.array(fc.nat(300)), (payloads, cuts) => {
    const stream = payloads.map(encodeFrame).join('');
    const reader = new FrameReader();
    const found: string[] = [];
    const places = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b), stream.length];
    for (let i = 1; i < places.length; i += 1) {
      const frames = reader.push(stream.slice(places[i - 1], places[i]));
      if (frames.reason !== undefined) return false;
      found.push(...frames.payloads);
    }
    return JSON.stringify(found) === JSON.stringify(payloads);
  }));
  t.end();
});

for (const [what, bytes, reason] of [
  ['a letter in the length', '1x#', 'bad-length'],
  ['no length', '#abc', 'bad-length'],
  ['a length of zero', '0#', 'bad-length'],
  ['digits without end', '0000000', 'bad-length'],
  ['one byte too many', `${MAX_FRAME_BYTES + 1}#`, 'frame-too-large'],
] as const) {
  t.test(`refused: ${what}`, (t) => {
    t.equal(new FrameReader().push(bytes).reason, reason);
    t.end();
  });
}

t.test('what came before the fault is still read', (t) => {
  t.strictSame(new FrameReader().push('3#abcx'), { payloads: ['abc'], reason: 'bad-length' });
  t.end();
});

t.test('no bytes make it throw', (t) => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' })), (chunks) => {
    const reader = new FrameReader();
    for (const chunk of chunks) if (reader.push(chunk).reason !== undefined) return;
  }));
  t.end();
});
