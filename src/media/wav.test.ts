import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeWavHeader, parseWav } from './wav.js';

const chunk = (id: string, body: Buffer, size = body.length): Buffer => {
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
};
const format = (tag: number, channels: number, sampleRate: number, bits: number, block?: number): Buffer => {
  const blockBytes = block ?? (channels * bits) / 8;
  const body = Buffer.alloc(16);
  body.writeUInt16LE(tag, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(sampleRate, 4);
  body.writeUInt32LE(sampleRate * blockBytes, 8);
  body.writeUInt16LE(blockBytes, 12);
  body.writeUInt16LE(bits, 14);
  return body;
};
const wav = (...chunks: Buffer[]): Buffer => {
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks]);
  return chunk('RIFF', body);
};
const extensible = (subFormat: string, bits: number): Buffer => {
  const tail = Buffer.alloc(8);
  tail.writeUInt16LE(22, 0);
  tail.writeUInt16LE(bits, 2);
  return Buffer.concat([format(0xfffe, 1, 8000, bits), tail, Buffer.from(subFormat, 'hex')]);
};
const samples = Buffer.from('0100feff', 'hex');

t.test('the header of a WAV, octet for octet', (t) => {
  const header = encodeWavHeader({ channels: 2, sampleRate: 8000, bitsPerSample: 16, format: 'pcm', frames: 3 });
  t.equal(
    header.toString('hex'),
    ['52494646', '30000000', '57415645', '666d7420', '10000000', '0100', '0200', '401f0000', '007d0000', '0400', '1000']
      .concat('64617461', '0c000000')
      .join(''),
  );
  t.end();
});

t.test('what is encoded is parsed again', (t) => {
  const audio = fc.record({
    channels: fc.integer({ min: 1, max: 8 }),
    sampleRate: fc.constantFrom(8000, 16000, 44100, 48000),
    frames: fc.integer({ min: 0, max: 50 }),
  });
  fc.assert(fc.property(audio, (shape) => {
    const data = Buffer.alloc(shape.channels * 2 * shape.frames, 7);
    const file = Buffer.concat([encodeWavHeader({ ...shape, bitsPerSample: 16, format: 'pcm' }), data]);
    const { channels, sampleRate } = shape;
    assert.deepEqual(parseWav(file), { sampleRate, channels, bitsPerSample: 16, format: 'pcm', data });
  }));
  t.end();
});

t.test('more than 4 GiB is a failure that says so', (t) => {
  const shape = { channels: 2, sampleRate: 8000, bitsPerSample: 16, format: 'pcm' } as const;
  const most = Math.floor((0xffff_ffff - 36) / 4);
  t.equal(encodeWavHeader({ ...shape, frames: most }).readUInt32LE(40), most * 4);
  t.throws(() => encodeWavHeader({ ...shape, frames: most + 1 }), { code: 'AUDIO_UNUSABLE' });
  t.end();
});

t.test('chunks that are not needed are passed over, odd ones with their pad octet', (t) => {
  const file = wav(
    chunk('JUNK', Buffer.alloc(28)),
    chunk('fmt ', format(1, 1, 8000, 16)),
    chunk('fact', Buffer.alloc(4)),
    chunk('LIST', Buffer.from('INFO!')),
    chunk('data', samples),
    chunk('LIST', Buffer.alloc(10)),
  );
  t.strictSame(parseWav(file), { sampleRate: 8000, channels: 1, bitsPerSample: 16, format: 'pcm', data: samples });
  t.end();
});

t.test('PCMU, PCMA, and extensible formats with their real one in the GUID', (t) => {
  const of = (body: Buffer): unknown => parseWav(wav(chunk('fmt ', body), chunk('data', samples)));
  t.match(of(format(7, 1, 8000, 8)), { format: 'pcmu', bitsPerSample: 8, data: samples });
  t.match(of(format(6, 2, 8000, 8)), { format: 'pcma', channels: 2 });
  t.match(of(extensible('0100000000001000800000aa00389b71', 16)), { format: 'pcm', bitsPerSample: 16 });
  t.match(of(extensible('0700000000001000800000aa00389b71', 8)), { format: 'pcmu' });
  t.equal(of(extensible('0100000000001000800000aa00389b72', 16)), 'format-unsupported');
  t.equal(of(extensible('0300000000001000800000aa00389b71', 32)), 'format-unsupported');
  t.end();
});

t.test('a data chunk that is cut, or never closed, ends with the file at a whole frame', (t) => {
  const riff = Buffer.from('RIFF\xff\xff\xff\xffWAVE', 'latin1');
  const head = Buffer.concat([riff, chunk('fmt ', format(1, 2, 8000, 16))]);
  const unclosed = Buffer.concat([head, chunk('data', Buffer.from('0102030405060708090a', 'hex'), 0xffff_ffff)]);
  t.match(parseWav(unclosed), { data: Buffer.from('0102030405060708', 'hex') });
  const cut = Buffer.concat([head, chunk('data', Buffer.alloc(8), 4000)]);
  t.match(parseWav(cut), { data: Buffer.alloc(8) });
  t.end();
});

const good = chunk('fmt ', format(1, 1, 8000, 16));
const rejects: [string, Buffer, string][] = [
  ['nothing', Buffer.alloc(0), 'not-wav'],
  ['a header cut', Buffer.from('RIFF\0\0\0\0WAV', 'latin1'), 'not-wav'],
  ['another RIFF', Buffer.from('RIFF\0\0\0\0AVI ', 'latin1'), 'not-wav'],
  ['samples before their format', wav(chunk('data', samples), good), 'no-format'],
  ['no chunks', wav(), 'no-format'],
  ['no samples', wav(good), 'no-data'],
  ['a format cut', wav(chunk('fmt ', Buffer.alloc(14))), 'format-too-short'],
  ['an extensible format cut', wav(chunk('fmt ', extensible('', 16))), 'format-too-short'],
  ['floating point', wav(chunk('fmt ', format(3, 1, 8000, 32))), 'format-unsupported'],
  ['12 bits', wav(chunk('fmt ', format(1, 2, 8000, 12))), 'format-unsupported'],
  ['no channels', wav(chunk('fmt ', format(1, 0, 8000, 16))), 'format-invalid'],
  ['no sample rate', wav(chunk('fmt ', format(1, 1, 0, 16))), 'format-invalid'],
  ['frames of a wrong size', wav(chunk('fmt ', format(1, 2, 8000, 16, 2))), 'format-invalid'],
];
for (const [what, file, reason] of rejects) {
  t.test(`${what} is refused as ${reason}`, (t) => {
    t.equal(parseWav(file), reason);
    t.end();
  });
}

t.test('arbitrary octets, and a good file with one changed, never throw', (t) => {
  const file = wav(good, chunk('LIST', Buffer.alloc(5)), chunk('data', samples));
  const changed = fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 })).map(([at, value]) => {
    const copy = Buffer.from(file);
    copy[at] = value;
    return copy;
  });
  const arbitrary = fc.uint8Array({ maxLength: 100 }).map((bytes) => wav(Buffer.from(bytes)));
  fc.assert(fc.property(fc.oneof(changed, arbitrary), (bytes) => void parseWav(bytes)), { numRuns: 2000 });
  t.end();
});
