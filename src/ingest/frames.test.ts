import fc from 'fast-check';
import t from 'tap';
import { FrameReader } from './frames.js';
import { pcapFile, pcapngFile, type WireFrame } from './wire.fixture.js';

const read = (file: Buffer, pieceBytes = file.length): { frames: WireFrame[]; damage: string | undefined } => {
  const reader = new FrameReader();
  const frames: WireFrame[] = [];
  for (let at = 0; at < file.length; at += pieceBytes) {
    reader.push(file.subarray(at, at + pieceBytes));
    while (reader.next()) {
      const { bytes, start, end, atMs, wireBytes } = reader.frame;
      frames.push({ atMs, bytes: Buffer.from(bytes.subarray(start, end)), wireBytes });
    }
  }
  return { frames, damage: reader.damage };
};

const someFrames = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 4e12 }).map((us) => us / 1_000), bytes: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)), cutBytes: fc.integer({ min: 0, max: 9 }) }), { maxLength: 20 }).map((all) =>
  all.map(({ atMs, bytes, cutBytes }) => ({ atMs, bytes, wireBytes: bytes.length + cutBytes })),
);
const near = (found: readonly WireFrame[], written: readonly WireFrame[]): boolean =>
  found.length === written.length && found.every(({ atMs, bytes, wireBytes }, at) => Math.abs(atMs - (written[at]?.atMs ?? 0)) < 0.002 && bytes.equals(written[at]?.bytes ?? Buffer.from([1])) && wireBytes === written[at]?.wireBytes);

t.test('what is written is read, however the file is cut into pieces', (t) => {
  fc.assert(
    fc.property(someFrames, fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 300 }), (frames, little, nano, pieceBytes) => {
      const found = read(pcapFile(frames, { little, nano }), pieceBytes);
      return found.damage === undefined && near(found.frames, frames);
    }),
  );
  fc.assert(
    fc.property(someFrames, fc.boolean(), fc.integer({ min: 1, max: 300 }), (frames, little, pieceBytes) => {
      const found = read(pcapngFile(frames, { little, resolutions: [6, 9] }), pieceBytes);
      return found.damage === undefined && near(found.frames, frames);
    }),
  );
  t.end();
});

t.test('what is no capture, and what is one no more', (t) => {
  const good = pcapFile([{ atMs: 1, bytes: Buffer.alloc(60) }]);
  t.strictSame(read(Buffer.from('PK\x03\x04 zip')), { frames: [], damage: 'not-a-capture' });
  const long = Buffer.from(good);
  long.writeUInt32LE(0x7fffffff, 24 + 8);
  t.strictSame(read(long), { frames: [], damage: 'damaged' }, 'a frame of two gigabytes');
  const ng = pcapngFile([{ atMs: 1, bytes: Buffer.alloc(60) }]);
  const end = Buffer.from(ng);
  end.writeUInt32LE(1, ng.length - 4);
  t.match(read(end), { frames: [], damage: 'damaged' }, 'lengths that differ');
  const order = Buffer.from(ng);
  order.writeUInt32LE(0, 8);
  t.match(read(order), { frames: [], damage: 'damaged' }, 'no byte order');
  const stranger = Buffer.from(ng);
  stranger.writeUInt32LE(9, ng.length - 100 + 8);
  t.match(read(stranger), { frames: [] }, 'an interface that there is none of');
  t.end();
});

t.test('any bytes are read to their end or to damage', (t) => {
  const heads = fc.constantFrom(Buffer.alloc(0), pcapFile([]), pcapngFile([]), Buffer.from([0x0a, 0x0d, 0x0d, 0x0a]));
  fc.assert(fc.property(heads, fc.uint8Array({ maxLength: 400 }), (head, bytes) => Array.isArray(read(Buffer.concat([head, bytes]), 64).frames)));
  t.end();
});
