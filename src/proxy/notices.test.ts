import { mock } from 'node:test';
import t from 'tap';
import type { Play, PlayEnd } from '../anchor/index.js';
import { Sound, tone } from '../media/index.js';
import { policySettings, type Decision } from '../policy/index.js';
import { Notices, type NoticeOutcomes } from './notices.js';

const consent = new Sound(tone({ hertz: 300, durationMs: 100, peak: 1, rampMs: 1 }));

interface Played extends Play {
  stopped: boolean;
  /** It is over, with this. */
  end(outcomes: PlayEnd): Promise<void>;
}

function open(rule: object) {
  const decision: Decision = { ...policySettings.parse({ otherwise: rule }).otherwise, decidedBy: 'rule r' };
  const played: Played[] = [];
  const told = { announced: [] as [string, NoticeOutcomes][], beepFailed: [] as NoticeOutcomes[] };
  const state = { recording: true };
  const notices = new Notices({
    decision,
    announcements: new Map([['consent', consent]]),
    media: {
      play(play) {
        let tellEnd: (end: PlayEnd) => void = () => undefined;
        const ended = new Promise<PlayEnd>((resolve) => (tellEnd = resolve));
        const one: Played = {
          ...play,
          stopped: false,
          async end(outcomes) {
            tellEnd(outcomes);
            await new Promise((resolve) => setImmediate(resolve));
          },
        };
        played.push(one);
        return { ended, stop: () => (one.stopped = true) };
      },
    },
    recording: () => state.recording,
    onAnnounced: (name, outcomes) => told.announced.push([name, outcomes]),
    onBeepFailed: (outcomes) => told.beepFailed.push(outcomes),
  });
  /** One word for each, in order. */
  const heard = (): string[] => played.map(({ sound, to, over, meanwhile }) => `${sound === consent ? 'consent' : 'beep'} ${to.join('+')} ${over}${meanwhile === undefined ? '' : ` ${meanwhile}`}`);
  return { notices, played, told, state, heard };
}

t.beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
t.afterEach(() => mock.timers.reset());

t.test('without anything to be told nothing is played', (t) => {
  const { notices, heard } = open({});
  notices.answering();
  notices.connected();
  mock.timers.tick(60_000);
  t.strictSame([heard(), notices.told], [[], undefined]);
  notices.end();
  t.end();
});

t.test('an announcement comes when the call is connected, once, to whom it is for', async (t) => {
  const { notices, heard, played, told } = open({ announcement: { name: 'consent', to: 'callee' } });
  notices.answering();
  t.strictSame(heard(), [], 'not before');
  notices.connected();
  notices.changed();
  t.strictSame(heard(), ['consent callee replace']);
  await played[0]!.end({ callee: 'played' });
  notices.changed();
  t.strictSame([heard().length, told.announced], [1, [['consent', { callee: 'played' }]]]);
  t.equal(notices.told, 'announcement consent: callee');
});

t.test('before: it comes with the answer, and whoever does not hear it hears silence', (t) => {
  const { notices, heard } = open({ announcement: { name: 'consent', to: 'caller', when: 'before' } });
  notices.answering();
  notices.connected();
  t.strictSame(heard(), ['consent caller replace silence']);
  t.end();
});

t.test('a beep comes at once and then as often as it is to, until the call ends', async (t) => {
  const { notices, heard, played } = open({ beep: { everySeconds: 10, to: 'caller' } });
  notices.connected();
  t.strictSame(heard(), ['beep caller mix']);
  await played[0]!.end({ caller: 'played' });
  mock.timers.tick(9_999);
  t.equal(played.length, 1);
  mock.timers.tick(1);
  t.equal(played.length, 2);
  mock.timers.tick(30_000);
  t.equal(played.length, 5);
  notices.end();
  t.ok(played[4]!.stopped, 'the one that is heard is cut');
  mock.timers.tick(60_000);
  t.equal(played.length, 5);
  await played[4]!.end({ caller: 'cut' });
  t.equal(notices.told, 'beep: caller');
});

t.test('behind an announcement the first beep waits its time', async (t) => {
  const { notices, heard, played } = open({ announcement: { name: 'consent' }, beep: {} });
  notices.connected();
  mock.timers.tick(20_000);
  t.equal(played.length, 1, 'none over it');
  await played[0]!.end({ caller: 'played', callee: 'played' });
  mock.timers.tick(14_999);
  t.equal(played.length, 1);
  mock.timers.tick(1);
  t.strictSame(heard(), ['consent caller+callee replace', 'beep caller+callee mix']);
  notices.end();
});

t.test('on demand they begin with the recording, and a pause has no beep', async (t) => {
  const { notices, heard, played, state } = open({ record: 'on-demand', announcement: { name: 'consent' }, beep: {} });
  state.recording = false;
  notices.connected();
  mock.timers.tick(60_000);
  t.strictSame(heard(), []);
  state.recording = true;
  notices.changed();
  await played[0]!.end({ caller: 'played', callee: 'played' });
  mock.timers.tick(15_000);
  t.equal(played.length, 2);
  state.recording = false;
  notices.changed();
  t.ok(played[1]!.stopped);
  mock.timers.tick(60_000);
  t.equal(played.length, 2);
  state.recording = true;
  notices.changed();
  t.equal(heard().at(-1), 'beep caller+callee mix', 'it goes on with a beep, and no announcement again');
  t.equal(played.length, 3);
  notices.end();
});

t.test('paused while the announcement is heard: it is heard to its end, and no beep follows', async (t) => {
  const { notices, played, state } = open({ announcement: { name: 'consent' }, beep: {} });
  notices.connected();
  state.recording = false;
  notices.changed();
  t.notOk(played[0]!.stopped);
  await played[0]!.end({ caller: 'played', callee: 'played' });
  mock.timers.tick(60_000);
  t.equal(played.length, 1);
  notices.end();
});

t.test('after the recording is lost nobody is told anything more', async (t) => {
  const early = open({ announcement: { name: 'consent' }, beep: {} });
  early.notices.end();
  early.notices.connected();
  t.strictSame(early.heard(), []);
  const late = open({ announcement: { name: 'consent' }, beep: {} });
  late.notices.connected();
  late.notices.end();
  await late.played[0]!.end({ caller: 'played', callee: 'played' });
  mock.timers.tick(60_000);
  t.equal(late.played.length, 1);
});

t.test('what could not be played is told in words, once', async (t) => {
  for (const [outcomes, words] of [
    [{ caller: 'played', callee: 'played' }, 'caller and callee'],
    [{ caller: 'played', callee: 'cut' }, 'caller, not callee (cut short)'],
    [{ caller: 'codec', callee: 'played' }, 'callee, not caller (a codec that nothing can be played in)'],
    [{ caller: 'encrypted', callee: 'encrypted' }, 'not played (encrypted media)'],
    [{ caller: 'cut', callee: 'no-audio' }, 'not played (cut short, no audio)'],
    [{ caller: 'failed', callee: 'failed' }, 'not played (the codec could not be loaded)'],
  ] as [PlayEnd, string][]) {
    const { notices, played } = open({ announcement: { name: 'consent' } });
    notices.connected();
    await played[0]!.end(outcomes);
    t.equal(notices.told, `announcement consent: ${words}`);
  }
  const { notices, played, told } = open({ announcement: { name: 'consent' }, beep: {} });
  notices.connected();
  await played[0]!.end({ caller: 'encrypted', callee: 'encrypted' });
  await played[1]!.end({ caller: 'encrypted', callee: 'encrypted' });
  mock.timers.tick(15_000);
  await played[2]!.end({ caller: 'encrypted', callee: 'encrypted' });
  t.equal(told.beepFailed.length, 1);
  t.equal(notices.told, 'announcement consent: not played (encrypted media); beep: not played (encrypted media)');
  notices.end();
});

t.test('an announcement that the configuration does not have is not played, and the beep is', (t) => {
  const { notices, heard, told } = open({ announcement: { name: 'other', to: 'caller' }, beep: { to: 'callee' } });
  notices.connected();
  t.strictSame([heard(), told.announced], [['beep callee mix'], [['other', { caller: 'unknown' }]]]);
  t.equal(notices.told, 'announcement other: not played (the configuration has none of that name)');
  notices.end();
  t.end();
});
