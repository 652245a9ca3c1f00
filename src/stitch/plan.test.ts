import t from 'tap';
import { parseRtcp, RtpView } from '../media/index.js';
import { beginMs, packetMs, Speaker, streamOf } from './call.fixture.js';
import { Channel } from './channel.js';
import { planRecording } from './plan.js';

const codec = streamOf(0).codecs[0]!;

/** A channel whose speaker starts `startMs` after the call; with its sender reports, when its clock is given. */
function channelOf(name: string, startMs: number, packets: number, senderClockMs?: number): Channel {
  const channel = new Channel(name);
  const speaker = new Speaker(startMs + 1);
  for (let n = 0; n < packets; n += 1) {
    const packet = RtpView.parse(speaker.packet(n));
    if (typeof packet !== 'string') channel.accept(packet, codec, beginMs + startMs + n * packetMs);
  }
  if (senderClockMs !== undefined) {
    const report = parseRtcp(speaker.report(beginMs + startMs + senderClockMs, 0));
    if (typeof report !== 'string') channel.report(report);
  }
  return channel;
}

const startFrames = (...channels: Channel[]): number[] => {
  const plan = planRecording(channels, 8_000)!;
  return channels.map((channel) => plan.startOf([...channel.tracks.values()][0]!.segments[0]!));
};

t.test('without sender reports the channels lie where their packets arrived', (t) => {
  const caller = channelOf('caller', 0, 100);
  const callee = channelOf('callee', 130, 50);
  const plan = planRecording([caller, callee], 8_000);
  t.match(plan, { originMs: beginMs, frames: 16_000, sampleRate: 8_000 });
  t.strictSame(startFrames(caller, callee), [0, 1_040]);
  t.end();
});

t.test('where both senders\' clocks agree with ours within 20 ms, they place the channels, free of the network\'s delay', (t) => {
  t.strictSame(startFrames(channelOf('caller', 0, 10, -15), channelOf('callee', 100, 10, -5)), [0, 110 * 8]);
  t.strictSame(startFrames(channelOf('caller', 0, 10, -20), channelOf('callee', 100, 10, 0)), [0, 120 * 8]);
  t.end();
});

t.test('a sender whose clock is off by more is not asked, nor is the other', (t) => {
  t.strictSame(startFrames(channelOf('caller', 0, 10, -21), channelOf('callee', 100, 10, -5)), [0, 800]);
  t.strictSame(startFrames(channelOf('caller', 0, 10, 3_600_000), channelOf('callee', 100, 10, 0)), [0, 800]);
  t.end();
});

t.test('when one side sends no reports, both lie where they arrived', (t) => {
  t.strictSame(startFrames(channelOf('caller', 0, 10, -15), channelOf('callee', 100, 10)), [0, 800]);
  t.end();
});

t.test('a channel without sound decides nothing, and without any there is no plan', (t) => {
  const silent = new Channel('callee');
  t.equal(planRecording([silent, new Channel('caller')], 8_000), undefined);
  t.match(planRecording([channelOf('caller', 40, 5, -10), silent], 8_000), { originMs: beginMs + 30, frames: 800 });
  t.end();
});
