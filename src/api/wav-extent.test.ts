import fc from 'fast-check';
import t from 'tap';
import { encodeWavHeader } from '../media/index.js';
import { wavExtent } from './wav-extent.js';

const header = encodeWavHeader({ channels: 2, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames: 100 });

t.test('the header that we write says how long the file is', (t) => {
  t.equal(wavExtent(header), 44 + 400);
  t.end();
});

t.test('chunks before the samples are passed over, padded to even length', (t) => {
  const list = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1');
  const file = Buffer.concat([header.subarray(0, 36), list, header.subarray(36)]);
  file.writeUInt32LE(header.readUInt32LE(4) + list.length, 4);
  t.equal(wavExtent(file), 44 + 400 + list.length);
  t.end();
});

t.test('a header that is none, is cut, or contradicts itself is refused with the reason', (t) => {
  const other = (at: number, text: string): Buffer => {
    const copy = Buffer.from(header);
    copy.write(text, at, 'latin1');
    return copy;
  };
  t.equal(wavExtent(Buffer.alloc(0)), 'not-wav');
  t.equal(wavExtent(header.subarray(0, 11)), 'not-wav');
  t.equal(wavExtent(other(0, 'JUNK')), 'not-wav');
  t.equal(wavExtent(other(8, 'AVI ')), 'not-wav');
  t.equal(wavExtent(header.subarray(0, 40)), 'no-data-chunk');
  t.equal(wavExtent(other(36, 'atad')), 'no-data-chunk');
  t.equal(wavExtent(other(4, '\0')), 'sizes-disagree');
  t.end();
});

t.test('any bytes yield a value', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void wavExtent(Buffer.from(bytes))));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void wavExtent(Buffer.concat([header.subarray(0, 12), bytes]))),
  );
  t.end();
});
