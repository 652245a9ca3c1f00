import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { beginMs, packetMs, packetTicks, Speaker } from './call.fixture.js';
import { RtpView } from '../media/index.js';
import { PlaceLog } from './place-log.js';
import { Track, type Segment } from './track.js';

/** Three of a track, of which nothing is asked but which they are. */
function segments(): readonly Segment[] {
  const track = new Track(8_000);
  for (const n of [0, 1, 2]) {
    const packet = RtpView.parse(new Speaker(1, { sequence: 1_000 + n, timestamp: n * 80_000_000 }).packet(0));
    if (typeof packet !== 'string') track.accept(packet, beginMs + n * packetMs, packetTicks);
  }
  return track.segments;
}

t.test('whatever is noted is read again, in its order', (t) => {
  const all = segments();
  t.equal(all.length, 3);
  const entry = fc.record({ segment: fc.constantFrom(undefined, ...all.keys()), step: fc.constantFrom(0, 0, 0, 0, 160, -160, 12_345), duration: fc.constantFrom(80, 160, 160, 960), later: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 300 }), (entries) => {
      const log = new PlaceLog<Segment>();
      const reader = (): unknown[] => {
        const places = log.read();
        return entries.map(({ duration }) => {
          places.next(duration);
          return places.segment === undefined ? undefined : [places.segment.index, places.offsetTicks];
        });
      };
      let ticks = 0;
      const expected = entries.map(({ segment, step, duration, later }, n) => {
        const found = segment === undefined ? undefined : all[segment];
        const offset = (ticks += step);
        ticks += duration;
        if (found === undefined) {
          log.none();
          return undefined;
        }
        if (later) {
          log.none();
          log.placeLater(n, found, offset);
        } else log.place(found, offset, duration);
        return [found.index, offset];
      });
      assert.equal(log.count, entries.length);
      assert.deepEqual(reader(), expected);
      assert.deepEqual(reader(), expected, 'and again');
    }),
  );
  t.end();
});
