import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { WaitingBytes } from './waiting-bytes.js';

t.test('whatever comes and goes, what waits is what a list would hold, in files that share their memory', (t) => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 3_000 }), of: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ push: fc.constantFrom(16_383, 16_384, 16_385, 50_000), of: fc.nat(1) }) },
    { weight: 3, arbitrary: fc.record({ letGo: fc.double({ min: 0, max: 1, noNaN: true }), of: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ letGo: fc.constant(1), of: fc.nat(1) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const opened = () => ({ waits: new WaitingBytes(), model: Buffer.alloc(0) });
      const files = [opened(), opened()] as const;
      let octet = 0;
      for (const one of steps) {
        const file = files[one.of === 0 ? 0 : 1];
        if ('push' in one) {
          const bytes = Buffer.from(Array.from({ length: one.push }, () => (octet += 7) & 0xff));
          file.waits.push(bytes);
          file.model = Buffer.concat([file.model, bytes]);
          bytes.fill(0);
        } else {
          const count = Math.floor(file.model.length * one.letGo);
          file.waits.letGo(count);
          file.model = file.model.subarray(count);
        }
        for (const { waits, model } of files) {
          assert.equal(waits.length, model.length);
          const room = Buffer.alloc(waits.length + 1, 1);
          waits.copyInto(room);
          assert.ok(room.equals(Buffer.concat([model, Buffer.of(1)])));
        }
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});
