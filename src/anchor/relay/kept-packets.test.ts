import fc from 'fast-check';
import t from 'tap';
import { KeptPackets } from './kept-packets.js';

t.test('whatever is put in and taken out, they come in their order, whole, and within the bounds', (t) => {
  const step = fc.oneof(fc.record({ take: fc.constant(false), bytes: fc.uint8Array({ maxLength: 300 }), rtcp: fc.boolean() }), fc.record({ take: fc.constant(true) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const kept = new KeptPackets(20, 3_000);
      const model: { bytes: Buffer; rtcp: boolean }[] = [];
      for (const one of steps) {
        if (!('bytes' in one)) {
          const came = kept.shift();
          const wanted = model.shift();
          if (came === undefined || wanted === undefined ? came !== wanted : !wanted.bytes.equals(came.bytes) || wanted.rtcp !== came.rtcp) return false;
          continue;
        }
        const room = model.length < 20 && model.reduce((sum, { bytes }) => sum + 3 + bytes.length, 0) + 3 + one.bytes.length <= 3_000;
        const given = Buffer.from(one.bytes);
        if (kept.push(given, one.rtcp) !== room) return false;
        if (room) model.push({ bytes: Buffer.from(one.bytes), rtcp: one.rtcp });
        // The giver's memory is used for the next packet.
        given.fill(0xee);
        if (kept.count !== model.length) return false;
      }
      return true;
    }),
  );
  t.end();
});

t.test('what was cleared is gone', (t) => {
  const kept = new KeptPackets(5, 100);
  t.ok(kept.push(Buffer.from('a'), false));
  kept.clear();
  t.strictSame([kept.count, kept.shift()], [0, undefined]);
  t.ok(kept.push(Buffer.from('b'), true));
  t.strictSame(kept.shift(), { bytes: Buffer.from('b'), rtcp: true });
  t.end();
});
