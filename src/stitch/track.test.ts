import t from 'tap';
import { audioCodec, RtpView } from '../media/index.js';
import { beginMs, packetMs, packetTicks, Speaker } from './call.fixture.js';
import { senderLine, Track } from './track.js';

const parsed = (bytes: Buffer): RtpView => {
  const packet = RtpView.parse(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
};
/** Gives packet `n` to the track at its time, or `delayMs` later. */
const give = (track: Track, speaker: Speaker, n: number, delayMs = 0, durationTicks = packetTicks): void => {
  track.accept(parsed(speaker.packet(n)), beginMs + n * packetMs + delayMs, durationTicks);
};
/** Where all packets lie that were given, in their order; undefined for one without a place. */
const places = (track: Track): (number | undefined)[] => {
  const reader = track.places.read();
  return Array.from({ length: track.places.count }, () => {
    reader.next(packetTicks);
    return reader.segment === undefined ? undefined : reader.offsetTicks;
  });
};
const giveAll = (track: Track, speaker: Speaker, from: number, to: number, delayMs = 0): void => {
  for (let n = from; n < to; n += 1) give(track, speaker, n, delayMs);
};
const spans = (track: Track): number[][][] =>
  track.segments.map(({ coverage }) => coverage.intervals.map(({ startTicks, endTicks }) => [startTicks, endTicks]));

t.test('a stream without faults is one segment that begins when its first packet came', (t) => {
  const track = new Track(8_000);
  giveAll(track, new Speaker(1), 0, 100);
  t.strictSame(spans(track), [[[0, 100 * packetTicks]]]);
  t.match(track.segments[0], { baseMs: beginMs, startTicks: 0, endTicks: 100 * packetTicks });
  t.match({ expected: track.expected, lost: track.lost }, { expected: 100, lost: 0 });
  t.end();
});

t.test('sequence numbers and timestamps wrap in the midst of it', (t) => {
  const track = new Track(8_000);
  giveAll(track, new Speaker(1, { sequence: 65_530, timestamp: 2 ** 32 - 800 }), 0, 50);
  t.strictSame(spans(track), [[[0, 50 * packetTicks]]]);
  t.equal(track.lost, 0);
  t.end();
});

t.test('when the first two packets are swapped the sound begins before the packet that came first', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  give(track, speaker, 1, 1);
  give(track, speaker, 0, 25);
  t.strictSame(places(track), [0, -packetTicks]);
  giveAll(track, speaker, 2, 10, 1);
  t.match(track.segments, [{ startTicks: -packetTicks, endTicks: 9 * packetTicks, baseMs: beginMs + packetMs + 1 }]);
  t.end();
});

t.test('packets that the anchor had kept come at once, and are placed where they were spoken', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  for (let n = 0; n < 200; n += 1) give(track, speaker, n, (200 - n) * packetMs);
  giveAll(track, speaker, 200, 400);
  t.equal(track.segments.length, 1);
  t.equal(track.segments[0]?.baseMs, beginMs);
  t.strictSame(spans(track), [[[0, 400 * packetTicks]]]);
  t.end();
});

t.test('delay within two seconds is the network\'s: the place follows from the timestamp', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 10);
  give(track, speaker, 10, 1_900);
  t.equal(places(track).at(-1), 10 * packetTicks);
  giveAll(track, speaker, 11, 20);
  t.match(track.segments, [{ baseMs: beginMs }]);
  t.equal(track.segments.length, 1);
  t.end();
});

t.test('timestamps that jump ahead of the time begin a segment, and leave the one before in its place', (t) => {
  for (const jumpMs of [3_000, 5_000, 60_000, -5_000]) {
    const track = new Track(8_000);
    const speaker = new Speaker(1);
    giveAll(track, speaker, 0, 100);
    speaker.timestamp = (speaker.timestamp + jumpMs * 8 + 2 ** 32) % 2 ** 32;
    giveAll(track, speaker, 100, 200);
    t.equal(track.segments.length, 2, `${jumpMs} ms`);
    t.equal(track.segments[0]?.baseMs, beginMs);
    t.equal(track.segments[1]?.baseMs, beginMs + 100 * packetMs);
    t.equal(track.lost, 0);
  }
  t.end();
});

t.test('a packet that a jump of the timestamps has overtaken still finds its segment', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 100);
  const late = parsed(speaker.packet(100));
  speaker.timestamp += 80_000_000;
  giveAll(track, speaker, 101, 103);
  track.accept(late, beginMs + 103 * packetMs, packetTicks);
  giveAll(track, speaker, 104, 110);
  t.equal(track.segments.length, 2);
  t.equal(track.segments[0]?.endTicks, 101 * packetTicks);
  t.end();
});

t.test('a sender whose clock stands still while it is silent goes on at the time it speaks again', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 50);
  giveAll(track, speaker, 50, 100, 30_000);
  t.equal(track.segments.length, 2);
  t.equal(track.segments[1]?.baseMs, beginMs + 50 * packetMs + 30_000);
  t.equal(track.lost, 0);
  t.end();
});

t.test('a packet that comes twice is placed once', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  give(track, speaker, 0);
  give(track, speaker, 0);
  give(track, speaker, 1);
  t.strictSame(places(track), [0, undefined, packetTicks]);
  t.equal(track.reception.duplicates, 1);
  t.end();
});

t.test('the first packet of a source that begins anew is placed when the second confirms it', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 100);
  speaker.sequence = 40_000;
  speaker.timestamp = 900_000_000;
  give(track, speaker, 100);
  t.equal(places(track).at(-1), undefined, 'it may be a stray packet');
  give(track, speaker, 101);
  t.strictSame(places(track).slice(-3), [99 * packetTicks, 0, packetTicks]);
  giveAll(track, speaker, 102, 110);
  t.equal(track.segments.length, 2);
  t.match(track.segments[1], { baseMs: beginMs + 100 * packetMs, startTicks: 0, endTicks: 10 * packetTicks });
  t.match({ expected: track.expected, lost: track.lost }, { expected: 110, lost: 0 });
  t.end();
});

t.test('a restart with the same clock goes on without a gap, and its numbers leave none', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 100);
  speaker.sequence = 30_000;
  giveAll(track, speaker, 100, 200);
  t.strictSame(spans(track), [[[0, 200 * packetTicks]]]);
  t.equal(track.lost, 0);
  t.match(track.segments[0]?.coverage.intervals, [{ firstSequence: 1_000, lastSequence: 1_199 }]);
  t.end();
});

t.test('a stray packet is never placed', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 10);
  const stray = new Speaker(1, { sequence: 50_000, timestamp: 123 });
  give(track, stray, 10);
  giveAll(track, speaker, 10, 20);
  t.strictSame(places(track).slice(9, 12), [9 * packetTicks, undefined, 10 * packetTicks]);
  t.strictSame(spans(track), [[[0, 20 * packetTicks]]]);
  t.end();
});

t.test('an outage of any length is loss, although RFC 3550 A.1 takes it for a new source', (t) => {
  for (const missing of [2_999, 3_001, 20_000, 40_000, 70_000, 140_000]) {
    const track = new Track(8_000);
    const speaker = new Speaker(1);
    giveAll(track, speaker, 0, 100);
    giveAll(track, speaker, 100 + missing, 200 + missing);
    t.match({ expected: track.expected, lost: track.lost }, { expected: 200 + missing, lost: missing }, String(missing));
    t.equal(track.segments.length, 1);
    t.notOk(track.cameWhole(1_099, 1_100 + missing));
  }
  t.end();
});

t.test('packets without sound have numbers but no place: what is silent because of them is no loss', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 10);
  for (const n of [10, 12, 11]) give(track, speaker, n, n === 11 ? 30 : 0, 0);
  giveAll(track, speaker, 13, 20);
  t.ok(track.cameWhole(1_009, 1_013));
  const [before, after] = track.segments[0]?.coverage.intervals ?? [];
  t.match([before?.lastSequence, after?.firstSequence], [1_009, 1_013]);
  giveAll(track, speaker, 21, 30);
  t.notOk(track.cameWhole(1_019, 1_021));
  t.end();
});

t.test('drift is how far the sender\'s clock ran away from ours, whatever the jitter', (t) => {
  for (const partsPerMillion of [200, -200]) {
    const track = new Track(8_000);
    const speaker = new Speaker(1);
    for (let n = 0; n < 30_000; n += 1) give(track, speaker, n, -n * packetMs * partsPerMillion * 1e-6 + (n * 7) % 5);
    t.ok(Math.abs(track.driftMs - 600 * 1_000 * partsPerMillion * 1e-6) < 4, `${track.driftMs} ms`);
  }
  t.equal(new Track(8_000).driftMs, 0);
  t.end();
});

t.test('sender reports tell when the sender says that a segment began, and how its clock runs', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1, { timestamp: 2 ** 32 - 1_000 });
  track.senderReport(beginMs, speaker.timestamp);
  giveAll(track, speaker, 0, 50, 7);
  const segment = track.segments[0]!;
  t.equal(senderLine(segment), undefined, 'before its first packet a report is of no segment');
  track.senderReport(beginMs + 50 * packetMs, (speaker.timestamp + 50 * packetTicks) % 2 ** 32);
  t.match(senderLine(segment), { baseMs: beginMs, slope: 0 });
  t.equal(segment.baseMs, beginMs + 7);
  giveAll(track, speaker, 50, 4_000, 7);
  track.senderReport(beginMs + 80_008, (speaker.timestamp + 4_000 * packetTicks) % 2 ** 32);
  const line = senderLine(segment)!;
  t.ok(Math.abs(line.slope - 8 / 79_000) < 1e-9);
  t.ok(Math.abs(line.baseMs + 80_000 * (1 + line.slope) - (beginMs + 80_008)) < 0.01);
  t.end();
});

t.test('a codec of another clock rate begins a segment, whose places are counted by its own clock', (t) => {
  const track = new Track(8_000);
  const speaker = new Speaker(1);
  giveAll(track, speaker, 0, 50);
  const opus = audioCodec({ name: 'opus', clockRate: 48_000 })!;
  for (let n = 50; n < 100; n += 1) {
    const bytes = speaker.packet(n);
    bytes.writeUInt32BE(7_000_000 + n * 960, 4);
    const packet = parsed(bytes);
    track.accept(packet, beginMs + n * packetMs, 960, opus.clockRate);
  }
  t.match(track.segments, [{ clockRate: 8_000, endTicks: 8_000 }, { clockRate: 48_000, baseMs: beginMs + 1_000, endTicks: 48_000 }]);
  t.equal(track.lost, 0);
  t.end();
});

t.test('more than a second in one packet is no packet of a call', (t) => {
  const track = new Track(8_000);
  give(track, new Speaker(1), 0, 0, 8_001);
  t.strictSame(places(track), [undefined]);
  t.equal(track.reception.received, 1);
  t.end();
});

t.test('of two captures each packet is placed once, and it is known who had it', (t) => {
  const track = new Track(8_000, true);
  const speaker = new Speaker(1);
  const from = (source: number, n: number): void => track.accept(parsed(speaker.packet(n)), beginMs + n * packetMs, packetTicks, undefined, source);
  for (let n = 0; n < 100; n += 1) {
    if (n < 60) from(0, n);
    if (n >= 50) from(1, n);
    // The network brings one twice to the first.
    if (n === 10) from(0, n);
  }
  t.strictSame([...track.origins!.given], [[0, { packets: 60, alone: 50 }], [1, { packets: 50, alone: 40 }]]);
  t.strictSame([track.copies, track.reception.duplicates, track.lost], [10, 11, 0]);
  t.end();
});
