import fc from 'fast-check';
import t from 'tap';
import { chunkBytes } from './file-layout.js';
import { PendingChunks } from './pending-chunks.js';

t.test('what is put in comes out, in order, in chunks that split no record, through memory used again', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(4000), fc.integer({ min: 100_000, max: 300_000 })), { maxLength: 40 }), fc.nat(5), (sizes, takeEvery) => {
      const pending = new PendingChunks(1e9);
      const given: number[] = [];
      const got: number[] = [];
      const takeAll = (): void => {
        for (let chunk = pending.take(); chunk !== undefined; chunk = pending.take()) {
          let packets = 0;
          for (let at = 0; at < chunk.bytes.length; packets += 1) {
            const size = chunk.bytes.readUInt32BE(at);
            t.ok(chunk.bytes.subarray(at + 8, at + size).every((byte) => byte === chunk.bytes[at + 7]));
            got.push(chunk.bytes.readUInt32BE(at + 4));
            at += size;
          }
          t.ok(chunk.bytes.length <= chunkBytes || packets === 1, 'only a lone record is longer than a chunk');
          t.equal(chunk.packets, packets);
          t.equal(chunk.packetBytes, chunk.bytes.length);
          pending.recycle(chunk);
        }
      };
      sizes.forEach((extra, number) => {
        const size = 8 + extra;
        const offset = pending.claim(size, size);
        pending.buffer.writeUInt32BE(size, offset);
        pending.buffer.writeUInt32BE(number, offset + 4);
        pending.buffer.fill(number, offset + 8, offset + size);
        given.push(number);
        if (takeEvery > 0 && number % takeEvery === 0) takeAll();
      });
      pending.cut();
      takeAll();
      t.strictSame(got, given);
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('packets are refused beyond the bound, events some way beyond it, and both are taken again when there is room', (t) => {
  const pending = new PendingChunks(1_000_000);
  let taken = 0;
  while (pending.claim(1000, 1000) >= 0) taken += 1;
  t.equal(taken, 1000);
  t.ok(pending.claim(1000, undefined) >= 0, 'an event');
  while (pending.claim(1000, undefined) >= 0) taken += 1;
  t.ok(taken < 4000, 'but not without end');
  while (pending.take() !== undefined);
  t.ok(pending.claim(1000, 1000) >= 0);
  t.end();
});
