import t from 'tap';
import { RtpView } from '../media/index.js';
import { beginMs, packetMs, Speaker, streamOf } from './call.fixture.js';
import { Channel } from './channel.js';
import { gapsOf, type GapMap } from './gaps.js';
import { planRecording } from './plan.js';
import type { Pause } from './wishes.js';
import type { Unrecorded } from '../ledger/index.js';

const [pcmu, events] = streamOf(0).codecs;
const give = (channel: Channel, speaker: Speaker, numbers: readonly number[], { delayMs = 0, codec = pcmu } = {}): void => {
  for (const n of numbers) {
    const packet = RtpView.parse(speaker.packet(n, codec?.payloadType));
    if (typeof packet !== 'string') channel.accept(packet, codec, beginMs + n * packetMs + delayMs);
  }
};
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const mapOf = (channel: Channel, undecryptable: boolean, others: readonly Channel[], pauses: readonly Pause[], unrecorded: readonly Unrecorded[] = []): GapMap =>
  gapsOf(channel, planRecording([channel, ...others], 8_000)!, { undecryptable, pauses, unrecorded });
const gaps = (channel: Channel, undecryptable = false, others: readonly Channel[] = []): readonly object[] => mapOf(channel, undecryptable, others, []).gaps;
const pause = (fromMs: number, toMs = Number.POSITIVE_INFINITY): Pause => ({ fromMs: beginMs + fromMs, toMs: beginMs + toMs });

t.test('numbers that are missing are a loss', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), [...range(0, 50), ...range(53, 60), ...range(61, 70)]);
  t.strictSame(gaps(channel), [{ atMs: 1_000, ms: 60, cause: 'loss' }, { atMs: 1_200, ms: 20, cause: 'loss' }]);
  t.end();
});

t.test('where packets came that no key opens, what is missing is theirs', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), [...range(0, 50), ...range(53, 60)]);
  t.strictSame(gaps(channel, true), [{ atMs: 1_000, ms: 60, cause: 'undecryptable' }]);
  t.end();
});

t.test('silence in which no number is missing was meant by the sender', (t) => {
  const channel = new Channel('caller');
  const speaker = new Speaker(1);
  give(channel, speaker, range(0, 50));
  speaker.sequence -= 25;
  give(channel, speaker, range(75, 100));
  t.strictSame(gaps(channel), [{ atMs: 1_000, ms: 500, cause: 'dtx' }]);
  t.strictSame(gaps(channel, true), [{ atMs: 1_000, ms: 500, cause: 'dtx' }]);
  t.end();
});

t.test('RFC 4733: telephone events have numbers and no sound; the silence around them is no loss', (t) => {
  const channel = new Channel('caller');
  const speaker = new Speaker(1);
  give(channel, speaker, range(0, 50));
  give(channel, speaker, range(50, 60), { codec: events });
  give(channel, speaker, range(60, 80));
  t.strictSame(gaps(channel), [{ atMs: 1_000, ms: 200, cause: 'dtx' }]);
  give(channel, speaker, range(82, 90), { codec: events });
  give(channel, speaker, range(90, 95));
  t.match(gaps(channel)[1], { atMs: 1_600, ms: 200, cause: 'loss' }, 'two numbers before the events never came');
  t.end();
});

t.test('while a party is on hold its silence is the hold\'s, whether its clock runs or stands still', (t) => {
  for (const clockRuns of [true, false]) {
    const channel = new Channel('caller');
    const speaker = new Speaker(1);
    channel.describe(streamOf(0), beginMs);
    give(channel, speaker, range(0, 50));
    channel.describe(streamOf(0, { direction: 'inactive' }), beginMs + 1_000);
    channel.describe(streamOf(0, { direction: 'inactive' }), beginMs + 5_000);
    channel.describe(streamOf(0), beginMs + 11_000);
    if (clockRuns) give(channel, speaker, range(550, 600));
    else give(channel, speaker, range(50, 100), { delayMs: 10_000 });
    t.strictSame(gaps(channel), [{ atMs: 1_000, ms: 10_000, cause: 'hold' }]);
    t.strictSame(channel.holdsUntil(beginMs + 20_000), [{ fromMs: beginMs + 1_000, toMs: beginMs + 11_000 }]);
  }
  t.end();
});

t.test('a hold that nobody ends lasts to the end', (t) => {
  const channel = new Channel('caller');
  channel.describe(streamOf(0, { direction: 'inactive' }), 5);
  t.strictSame(channel.holdsUntil(9), [{ fromMs: 5, toMs: 9 }]);
  t.end();
});

t.test('before its first packet a party has not spoken: there is no gap', (t) => {
  const early = new Channel('callee');
  give(early, new Speaker(2), range(0, 10));
  const late = new Channel('caller');
  give(late, new Speaker(1), range(200, 210));
  t.strictSame(gaps(late, false, [early]), []);
  t.end();
});

t.test('a change of the source is no loss, and sources that overlap leave no gap', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), range(0, 50));
  give(channel, new Speaker(2, { sequence: 9 }), range(60, 100));
  t.strictSame(gaps(channel), [{ atMs: 1_000, ms: 200, cause: 'dtx' }]);
  give(channel, new Speaker(3, { sequence: 99 }), range(40, 70));
  t.strictSame(gaps(channel), []);
  t.end();
});

t.test('an interval within another ends no sooner than that one', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), range(0, 100));
  give(channel, new Speaker(2), range(10, 20));
  give(channel, new Speaker(1), range(105, 110));
  t.strictSame(gaps(channel), [{ atMs: 2_000, ms: 100, cause: 'loss' }]);
  t.end();
});

t.test('a channel of which no packet opens is one undecryptable gap; one without packets has none', (t) => {
  const other = new Channel('callee');
  give(other, new Speaker(2), range(0, 50));
  t.strictSame(gaps(new Channel('caller'), true, [other]), [{ atMs: 0, ms: 1_000, cause: 'undecryptable' }]);
  t.strictSame(gaps(new Channel('caller'), false, [other]), []);
  t.end();
});

t.test('what was not copied during a pause is paused, and not lost', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), [...range(0, 50), ...range(100, 150)]);
  t.strictSame(mapOf(channel, false, [], [pause(1_010, 1_990)]), { gaps: [{ atMs: 1_000, ms: 1_000, cause: 'paused' }], packetsPaused: 50 });
  t.end();
});

t.test('a pause wins over a loss and a hold where they overlap; outside of it they keep their cause', (t) => {
  const channel = new Channel('caller');
  const speaker = new Speaker(1);
  channel.describe(streamOf(0), beginMs);
  give(channel, speaker, range(0, 50));
  give(channel, speaker, range(200, 250));
  t.strictSame(mapOf(channel, false, [], [pause(2_000, 3_000)]), {
    gaps: [{ atMs: 1_000, ms: 1_000, cause: 'loss' }, { atMs: 2_000, ms: 1_000, cause: 'paused' }, { atMs: 3_000, ms: 1_000, cause: 'loss' }],
    packetsPaused: 50,
  });
  channel.describe(streamOf(0, { direction: 'inactive' }), beginMs + 1_000);
  channel.describe(streamOf(0), beginMs + 4_000);
  t.match(mapOf(channel, false, [], [pause(2_000, 3_900)]).gaps, [{ ms: 1_000, cause: 'hold' }, { atMs: 2_000, ms: 2_000, cause: 'paused' }]);
  t.end();
});

t.test('two pauses in one gap stand apart, unless only an edge lies between them', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), [...range(0, 50), ...range(200, 250)]);
  const causes = (...pauses: Pause[]): string[] => mapOf(channel, false, [], pauses).gaps.map(({ ms, cause }) => `${ms} ${cause}`);
  t.strictSame(causes(pause(1_000, 2_000), pause(3_000, 4_000)), ['1000 paused', '1000 loss', '1000 paused']);
  t.strictSame(causes(pause(1_000, 2_000), pause(2_100, 4_000)), ['3000 paused']);
  t.end();
});

t.test('a pause that lasts to the end of the call, or fell where everything came, makes no gap', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), range(0, 50));
  t.strictSame(mapOf(channel, false, [], [pause(500, 600), pause(1_000)]), { gaps: [], packetsPaused: 0 });
  t.end();
});

t.test('a pause so long that the sequence numbers went round costs no packets', (t) => {
  const channel = new Channel('caller');
  give(channel, new Speaker(1), [...range(0, 50), ...range(70_000, 70_050)]);
  const { gaps: found, packetsPaused } = mapOf(channel, false, [], [pause(1_000, 1_400_000)]);
  t.strictSame(found, [{ atMs: 1_000, ms: 1_399_000, cause: 'paused' }]);
  t.equal(channel.tracks.get(1)!.lost - packetsPaused, 0);
  t.end();
});

t.test('what is missing while there was no recorder, or another took over, is of that cause; nothing else is', (t) => {
  const channel = new Channel('caller');
  const speaker = new Speaker(1);
  give(channel, speaker, [...range(0, 50), ...range(60, 100), ...range(110, 150)]);
  speaker.sequence -= 25;
  give(channel, speaker, range(175, 200));
  const without = (fromMs: number, toMs: number, resumed = true): Unrecorded => ({ fromMs: beginMs + fromMs, toMs: beginMs + toMs, resumed, reason: 'it died' });
  const causes = (...unrecorded: readonly Unrecorded[]): readonly object[] => mapOf(channel, false, [], [], unrecorded).gaps.map(({ atMs, cause }) => [atMs, cause]);
  t.strictSame(causes(without(900, 1_100)), [[1_000, 'failover'], [2_000, 'loss'], [3_000, 'dtx']]);
  t.strictSame(causes(without(900, 3_300)), [[1_000, 'failover'], [2_000, 'failover'], [3_000, 'dtx']], 'where no number is missing nothing is');
  t.strictSame(causes(without(3_900, 9_000)), causes(), 'who is silent after a takeover has nothing missing');
  t.end();
});

t.test('where the call ended without a recorder the rest is missing: from the last sample on, or from when there was none', (t) => {
  const [channel, silent] = [new Channel('caller'), new Channel('callee')];
  give(channel, new Speaker(1), range(0, 100));
  const without: Unrecorded = { fromMs: beginMs + 1_500, toMs: beginMs + 5_000, resumed: false, reason: 'it died' };
  t.strictSame(mapOf(channel, false, [], [], [without]).gaps, [{ atMs: 2_000, ms: 3_000, cause: 'failover' }]);
  t.strictSame(mapOf(channel, false, [], [], [{ ...without, fromMs: beginMs + 3_000 }]).gaps, [{ atMs: 3_000, ms: 2_000, cause: 'failover' }]);
  t.strictSame(mapOf(silent, false, [channel], [], [without]).gaps, [{ atMs: 1_500, ms: 3_500, cause: 'failover' }]);
  t.strictSame(mapOf(channel, false, [], [], [{ ...without, toMs: beginMs + 2_300 }]).gaps, [], 'nobody sends until the very end');
  t.end();
});
