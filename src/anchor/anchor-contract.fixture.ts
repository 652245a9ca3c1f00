/** What every media anchor keeps to: the tests that each member runs. */
import type { Test } from 'tap';
import { Sound, tone } from '../media/index.js';
import { readSdp } from '../sip/index.js';
import type { Anchor, AnchoredCall } from './door.js';
import { audioOf, callBetween, mediaPeer, openRecorderPeer, rtp, sdpOf, sequenceOf, type MediaPeer } from './media-peer.fixture.js';

/** Says packets one at a time, so that none is lost and the order is known. */
async function say(from: MediaPeer, port: number, to: MediaPeer, numbers: readonly number[], ssrc = 7): Promise<void> {
  for (const n of numbers) {
    const before = to.came.length;
    from.send(rtp(n, ssrc), port);
    await to.heard(before + 1);
  }
}

const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** What came to a recorder from one party, by the numbers of rtp(). */
export interface RecordedStream {
  numbers(): readonly number[];
  /** Resolves when it is as much as this. */
  heard(count: number): Promise<unknown>;
}

/** A recorder: its answer, and what came to it on each line, in their order. */
export interface ContractRecorder {
  readonly streams: readonly [RecordedStream, RecordedStream];
  readonly answer: string;
}

async function openRtpRecorder(t: Test): Promise<ContractRecorder> {
  const { streams, answer } = await openRecorderPeer(t);
  const read = (peer: MediaPeer): RecordedStream => ({ numbers: () => peer.came.map(sequenceOf), heard: (count) => peer.heard(count) });
  return { streams: [read(streams[0]), read(streams[1])], answer };
}

export interface ContractOptions {
  readonly open: (t: Test) => Promise<Anchor>;
  /** Whether it keeps what came before the recorder has answered. */
  readonly keeps: boolean;
  /** Left out: recorders that take RTP. */
  readonly openRecorder?: (t: Test) => Promise<ContractRecorder>;
}

export function testAnchorContract(t: Test, { open, keeps, openRecorder = openRtpRecorder }: ContractOptions): void {
  const openCall = async (t: Test): Promise<{ anchor: Anchor; call: AnchoredCall; caller: MediaPeer; callee: MediaPeer }> => {
    const anchor = await open(t);
    const call = anchor.openCall('s');
    t.teardown(() => call.close());
    return { anchor, call, caller: await mediaPeer(t), callee: await mediaPeer(t) };
  };

  void t.test('both parties send to the anchor and hear each other', async (t) => {
    const { anchor, call, caller, callee } = await openCall(t);
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    t.not(forCaller.port, callee.port);
    t.not(forCallee.port, caller.port);
    await say(caller, forCaller.port, callee, count(1, 5));
    await say(callee, forCallee.port, caller, count(11, 15));
    t.strictSame(callee.came.map(sequenceOf), count(1, 5));
    t.strictSame(caller.came.map(({ bytes }) => bytes), count(11, 15).map((n) => rtp(n)), 'byte for byte');
    t.equal(anchor.stats().calls, 1);
    t.equal(anchor.health().ok, true);
  });

  void t.test('the recorder has the caller first, then the callee', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    await say(caller, forCaller.port, callee, count(1, 2));
    const { streams, answer } = await openRecorder(t);
    const offer = await call.recordingOffer();
    t.match([audioOf(offer?.sdp ?? ''), audioOf(offer?.sdp ?? '', 1)], [{ label: '1', direction: 'sendonly' }, { label: '2', direction: 'sendonly' }]);
    t.equal(offer?.holdsKeys, false);
    await call.startFork(answer);
    await say(caller, forCaller.port, callee, count(3, 5));
    await say(callee, forCallee.port, caller, count(11, 13), 9);
    await Promise.all([streams[0].heard(keeps ? 5 : 3), streams[1].heard(3)]);
    t.strictSame(streams[0].numbers(), count(keeps ? 1 : 3, 5));
    t.strictSame(streams[1].numbers(), count(11, 13));
  });

  void t.test('two recorders have both directions each, and one of them may go without the other', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const second = call.openFork(['caller', 'callee']);
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    const recorders = [await openRecorder(t), await openRecorder(t)] as const;
    for (const [n, fork] of [call, second].entries()) {
      const offer = (await fork.recordingOffer())?.sdp ?? '';
      t.match([audioOf(offer), audioOf(offer, 1)], [{ label: '1' }, { label: '2' }]);
      await fork.startFork(recorders[n]?.answer ?? '');
    }
    await say(caller, forCaller.port, callee, [1, 2]);
    await say(callee, forCallee.port, caller, [11], 9);
    await Promise.all(recorders.flatMap(({ streams }) => [streams[0].heard(2), streams[1].heard(1)]));
    await call.stopFork();
    await say(caller, forCaller.port, callee, [3]);
    await recorders[1].streams[0].heard(3);
    t.strictSame(recorders.map(({ streams }) => streams.map((stream) => stream.numbers())), [[[1, 2], [11]], [[1, 2, 3], [11]]]);
  });

  void t.test('when a recorder has left, the copies go to the next one, and to nobody else; what came in between goes there where it is kept', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    const recorders = [await openRecorder(t), await openRecorder(t)] as const;
    await call.recordingOffer();
    await call.startFork(recorders[0].answer);
    await say(caller, forCaller.port, callee, [1, 2]);
    await say(callee, forCallee.port, caller, [11], 9);
    await Promise.all([recorders[0].streams[0].heard(2), recorders[0].streams[1].heard(1)]);
    await call.detachFork();
    await say(caller, forCaller.port, callee, [3]);
    await say(callee, forCallee.port, caller, [12], 9);
    t.match(await call.recordingOffer(), { sdp: /m=audio/u });
    await call.startFork(recorders[1].answer);
    await say(caller, forCaller.port, callee, [4]);
    await say(callee, forCallee.port, caller, [13], 9);
    await Promise.all([recorders[1].streams[0].heard(keeps ? 4 : 1), recorders[1].streams[1].heard(keeps ? 3 : 1)]);
    t.strictSame(recorders.map(({ streams }) => streams.map((stream) => stream.numbers())), [[[1, 2], [11]], keeps ? [[1, 2, 3, 4], [11, 12, 13]] : [[4], [13]]]);
  });

  void t.test('one recorder has the caller, another the callee; a pause is for both', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    const forks = { caller: call.openFork(['caller']), callee: call.openFork(['callee']) };
    const recorders = { caller: await openRecorder(t), callee: await openRecorder(t) };
    for (const side of ['caller', 'callee'] as const) {
      const read = readSdp((await forks[side].recordingOffer())?.sdp ?? '');
      t.match(read, { media: [{ label: side === 'caller' ? '1' : '2', direction: 'sendonly' }] });
      t.equal(typeof read === 'string' ? 0 : read.media.length, 1);
      await forks[side].startFork(recorders[side].answer);
    }
    await say(caller, forCaller.port, callee, [1, 2]);
    await say(callee, forCallee.port, caller, [11], 9);
    await Promise.all([recorders.caller.streams[0].heard(2), recorders.callee.streams[0].heard(1)]);
    await call.pauseFork();
    t.equal(audioOf((await forks.callee.recordingOffer())?.sdp ?? '').direction, 'inactive');
    await say(callee, forCallee.port, caller, [12], 9);
    await call.resumeFork();
    await forks.callee.recordingOffer();
    await forks.callee.startFork(recorders.callee.answer);
    await say(callee, forCallee.port, caller, [13], 9);
    await recorders.callee.streams[0].heard(2);
    t.strictSame([recorders.caller, recorders.callee].map(({ streams }) => streams.map((stream) => stream.numbers())), [[[1, 2], []], [[11, 13], []]]);
  });

  void t.test('while it is paused nothing reaches the recorder, then it goes on; the parties notice nothing', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const { forCaller } = await callBetween(call, caller, callee);
    const { streams, answer } = await openRecorder(t);
    const change = async (): Promise<string> => {
      const offer = await call.recordingOffer();
      await call.startFork(answer);
      return audioOf(offer?.sdp ?? '').direction;
    };
    t.equal(await change(), 'sendonly');
    await say(caller, forCaller.port, callee, [1]);
    await streams[0].heard(1);
    await call.pauseFork();
    t.equal(await change(), 'inactive');
    await say(caller, forCaller.port, callee, [2]);
    await call.resumeFork();
    t.equal(await change(), 'sendonly');
    await say(caller, forCaller.port, callee, [3]);
    await streams[0].heard(2);
    await call.stopFork();
    await call.recordingOffer();
    await call.pauseFork();
    await call.recordingOffer();
    await say(caller, forCaller.port, callee, [4]);
    t.strictSame(streams[0].numbers(), [1, 3]);
    t.strictSame(callee.came.map(sequenceOf), [1, 2, 3, 4]);
  });

  void t.test('a party that moves is found at its new place, whoever says so first, and an answer that is repeated is none', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const first = await callBetween(call, caller, callee);
    await say(caller, first.forCaller.port, callee, [1]);
    const again = await call.exchange('callee', sdpOf(callee.port));
    t.equal(audioOf(again).port, first.forCaller.port);
    const moved = await mediaPeer(t);
    const forCaller = audioOf(await call.exchange('callee', sdpOf(moved.port)));
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port)));
    await say(caller, forCaller.port, moved, [2, 3]);
    await say(moved, forCallee.port, caller, [4]);
    t.strictSame(callee.came.map(sequenceOf), [1]);
    const { streams, answer } = await openRecorder(t);
    t.ok(await call.recordingOffer());
    await call.startFork(answer);
    await say(moved, forCallee.port, caller, [5]);
    await streams[1].heard(keeps ? 2 : 1);
    t.strictSame(streams[1].numbers(), keeps ? [4, 5] : [5]);
  });

  void t.test('a delayed offer: the callee says first', async (t) => {
    const { call, caller, callee } = await openCall(t);
    const forCaller = audioOf(await call.exchange('callee', sdpOf(callee.port)));
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port)));
    await say(caller, forCaller.port, callee, [1]);
    await say(callee, forCallee.port, caller, [2]);
    t.ok(await call.recordingOffer());
  });

  void t.test('there is nothing to record before both sides are known; what cannot be read is a failure; what has no media passes', async (t) => {
    const { call } = await openCall(t);
    t.equal(await call.recordingOffer(), undefined);
    const noMedia = 'v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';
    t.equal(await call.exchange('caller', noMedia), noMedia);
    await t.rejects(call.exchange('caller', 'nonsense'), { code: 'SDP_UNUSABLE' });
    await t.rejects(call.startFork('nonsense'), { code: 'SIPREC_UNUSABLE' });
    await call.exchange('caller', sdpOf(4_000));
    t.equal(await call.recordingOffer(), undefined);
  });

  void t.test('each offer of a session has the same origin and a higher version', async (t) => {
    const { call, caller, callee } = await openCall(t);
    await callBetween(call, caller, callee);
    const offers = [await call.recordingOffer(), await call.recordingOffer()].map((offer) => /^o=- (\d+) (\d+)/mu.exec(offer?.sdp ?? ''));
    t.equal(offers[0]?.[1], offers[1]?.[1]);
    t.ok(Number(offers[1]?.[2]) > Number(offers[0]?.[2]));
  });

  void t.test('whatever comes of a sound is told for each side that was to hear it, at the latest at the end of the call', async (t) => {
    const { call, caller, callee } = await openCall(t);
    await callBetween(call, caller, callee);
    const playing = call.play({ sound: new Sound(tone({ hertz: 1_400, durationMs: 60_000, peak: 3_000, rampMs: 5 })), to: ['caller', 'callee'], over: 'mix' });
    await call.close();
    const end = await playing.ended;
    t.strictSame(Object.keys(end).sort(), ['callee', 'caller']);
    t.ok(Object.values(end).every((outcome) => outcome === 'cut' || outcome === 'anchor'), 'it was not played to its end');
    playing.stop();
  });

  void t.test('after its end a call takes no SDP, and the anchor has none', async (t) => {
    const { anchor, call, caller, callee } = await openCall(t);
    await callBetween(call, caller, callee);
    await Promise.all([call.close(), call.close()]);
    await t.rejects(call.exchange('caller', sdpOf(caller.port)), { code: 'SDP_UNUSABLE' });
    t.equal(await call.recordingOffer(), undefined);
    t.equal(anchor.stats().calls, 0);
    t.ok(typeof readSdp(sdpOf(1)) !== 'string');
  });
}
