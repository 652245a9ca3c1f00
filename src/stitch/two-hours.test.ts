/** Two hours of a call in virtual time: where everything lies at their end, whatever happened before. */
import { join } from 'node:path';
import t from 'tap';
import { encodePcma, encodePcmu, encodeRtp } from '../media/index.js';
import { loadOrCreateKeys, openObjectStore } from '../vault/index.js';
import { beginMs, captured, generated, packetTicks, Speaker, streamOf, type Happening } from './call.fixture.js';
import { stitch } from './stitch.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const store = await openObjectStore(join(home, 'vault'), keys);

const hours = 2;
/** Packets of 60 ms: a third of the usual number, and the sequence numbers wrap all the same. */
const ticks = 480;
const packets = hours * 60_000;
const everyMs = 10_000;
/** A click of full scale in silence, every ten seconds of true time, is heard on both sides in the same moment. */
const click = 30_000;

interface Clock {
  /** Parts in a million: positive is fast. */
  readonly ppm: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly stream: number;
  readonly seed: number;
}

const silent = { 0: encodePcmu(new Int16Array(ticks)), 8: encodePcma(new Int16Array(ticks)) } as const;

/** What is said in a packet, undefined for silence: the sender's sample `n` is spoken at n / (8 (1 + ppm / 10^6)) ms of true time. */
function said(n: number, ppm: number): Int16Array | undefined {
  let samples: Int16Array | undefined;
  const perMs = 8 * (1 + ppm * 1e-6);
  const first = Math.ceil((n * ticks) / perMs / everyMs);
  for (let k = first; Math.round(k * everyMs * perMs) < (n + 1) * ticks; k += 1) {
    const at = Math.round(k * everyMs * perMs) - n * ticks;
    if (at < 0 || at >= ticks) continue;
    samples ??= new Int16Array(ticks);
    samples[at] = click;
  }
  return samples;
}

interface Trouble {
  /** Of packets without a click: those have to be heard. */
  readonly loss: number;
  readonly jitterMs: number;
  /** Unix ms from the beginning. */
  readonly hold?: readonly [number, number];
  /** From when on A-law is spoken. */
  readonly otherLawFrom?: number;
  readonly reportEveryMs?: number;
}

function* spokenBy(clock: Clock, { loss, jitterMs, hold, otherLawFrom = Number.POSITIVE_INFINITY, reportEveryMs }: Trouble): Generator<Happening> {
  const next = generated(clock.seed);
  const speaker = new Speaker(clock.ssrc, { sequence: clock.sequence, timestamp: clock.timestamp });
  const perMs = 8 * (1 + clock.ppm * 1e-6);
  let sequence = clock.sequence;
  let reportedAtMs = 0;
  for (let n = 0; n < packets; n += 1) {
    const sentAtMs = (n * ticks) / perMs;
    if (hold !== undefined && sentAtMs >= hold[0] && sentAtMs < hold[1]) continue;
    const samples = said(n, clock.ppm);
    sequence = (sequence + 1) & 0xffff;
    const late = 2 + next() * jitterMs;
    if (reportEveryMs !== undefined && sentAtMs - reportedAtMs >= reportEveryMs) {
      reportedAtMs = sentAtMs;
      yield { atMs: beginMs + sentAtMs + 3, stream: clock.stream, rtcp: true, bytes: speaker.report(beginMs + sentAtMs, (n * ticks) / packetTicks) };
    }
    if (next() < loss && samples === undefined) continue;
    const law = sentAtMs < otherLawFrom;
    yield {
      atMs: beginMs + sentAtMs + late,
      stream: clock.stream,
      bytes: encodeRtp({ payloadType: law ? 0 : 8, sequenceNumber: sequence, timestamp: (clock.timestamp + n * ticks) >>> 0, ssrc: clock.ssrc, payload: samples === undefined ? silent[law ? 0 : 8] : (law ? encodePcmu : encodePcma)(samples) }),
    };
  }
}

/** Two parties, in the order of their instants, near enough for a recorder. */
function* both(one: Generator<Happening>, other: Generator<Happening>): Generator<Happening> {
  let [a, b] = [one.next(), other.next()];
  while (a.done !== true || b.done !== true) {
    if (b.done === true || (a.done !== true && a.value.atMs <= b.value.atMs)) {
      if (a.done !== true) yield a.value;
      a = one.next();
    } else {
      yield b.value;
      b = other.next();
    }
  }
}

/** Where clicks are heard on each side of a recording, in ms. */
async function clicksIn(name: string): Promise<[number[], number[]]> {
  const clicks: [number[], number[]] = [[], []];
  let bytes = -44;
  for await (const piece of store.read(name)) {
    // Pieces are whole chunks of 64 KiB, but the first has the head: samples never lie across two.
    for (let at = bytes < 0 ? 44 : 0; at + 1 < piece.length; at += 2) {
      if (piece.readInt16LE(at) > click / 2) clicks[((bytes + at) >> 1) & 1]!.push((bytes + at) / 4 / 8);
    }
    bytes += piece.length;
  }
  // A sample that was said twice is one click.
  return [once(clicks[0]), once(clicks[1])];
}

const once = (all: readonly number[]): number[] => all.filter((at, n) => n === 0 || at - all[n - 1]! > 1);

const fast: Clock = { ppm: 50, sequence: 65_000, timestamp: 4_294_900_000, ssrc: 11, stream: 0, seed: 1 };
const slow: Clock = { ppm: -50, sequence: 3, timestamp: 2_147_000_000, ssrc: 22, stream: 1, seed: 2 };
const codecs = [...streamOf(0).codecs, { payloadType: 8, name: 'PCMA', clockRate: 8_000, channels: 1 }];

async function recorded(name: string, caller: Clock, callee: Clock, trouble: Trouble): Promise<{ left: number[]; right: number[]; report: Awaited<ReturnType<typeof stitch>>['report'] }> {
  const streams = [streamOf(0, { codecs }), streamOf(1, { codecs })];
  const { hold, ...others } = trouble;
  function* all(): Generator<Happening> {
    let told = 0;
    for (const one of both(spokenBy(caller, trouble), spokenBy(callee, others))) {
      if (hold !== undefined && told < 2 && one.atMs >= beginMs + hold[told as 0 | 1]) {
        yield { atMs: one.atMs, streams: told === 0 ? [streamOf(0, { codecs, direction: 'inactive' }), streams[1]!] : streams };
        told += 1;
      }
      yield one;
    }
  }
  const source = await captured(home, keys, all(), { captureId: name, streams });
  const { report, objectName } = await stitch(name, [source], keys, store);
  const [left, right] = await clicksIn(objectName);
  return { left, right, report };
}

/** How far each click of one side is from its fellow on the other, and from its true time. */
function errors(left: readonly number[], right: readonly number[]): { apart: number; off: number; count: number } {
  // One may have ended before the last click of the other.
  const apart = left.flatMap((at) => right.filter((other) => Math.abs(other - at) < everyMs / 2).map((other) => Math.abs(other - at)));
  const off = [...left, ...right].map((at) => Math.abs(at - Math.round(at / everyMs) * everyMs));
  return { apart: Math.max(...apart), off: Math.max(...off), count: Math.min(left.length, right.length) };
}

const whole = hours * 360;

t.test('clocks 50 parts a million apart each way, 5 % of loss, jitter: both sides agree to the end', async (t) => {
  const { left, right, report } = await recorded('drift', fast, slow, { loss: 0.05, jitterMs: 15 });
  const { apart, off, count } = errors(left, right);
  t.ok(count >= whole - 1, `${count} clicks`);
  t.ok(apart < 5, `${apart} ms apart`);
  t.ok(off < 5, `${off} ms off`);
  const [one, other] = report.channels;
  t.ok(Math.abs(one!.driftMs - 360) < 3 && Math.abs(other!.driftMs + 360) < 3, `${one!.driftMs} and ${other!.driftMs} ms`);
  t.ok(one!.packetsLost > 5_700 && one!.packetsLost < 6_300);
  t.equal(one!.packetsExpected - one!.packetsReceived, one!.packetsLost);
});

t.test('the same with half a minute of hold and a change of codec in the midst: nothing moves', async (t) => {
  const { left, right, report } = await recorded('drift hold', { ...slow, stream: 0 }, { ...fast, stream: 1 }, { loss: 0, jitterMs: 5, hold: [3_000_000, 3_030_000], otherLawFrom: 4_500_000 });
  const { apart, off } = errors(left, right);
  t.ok(left.length >= whole - 3 && left.length < whole - 1, `all of ${whole} clicks but for those of the hold: ${left.length}`);
  t.ok(left.every((at) => at < 3_000_001 || at > 3_029_999));
  t.ok(apart < 5 && off < 5, `${apart} ms apart, ${off} ms off`);
  t.match(report.channels, [{ codec: 'PCMU, PCMA', packetsLost: 0 }, { codec: 'PCMU, PCMA', packetsLost: 0, gaps: [] }]);
  const [gap, ...others] = report.channels[0]!.gaps;
  t.strictSame(others, []);
  t.equal(gap?.cause, 'hold');
  t.ok(Math.abs(gap!.ms - 30_000) < 65 && Math.abs(gap!.atMs - 3_000_000) < 65, JSON.stringify(gap));
});

t.test('sender reports whose clocks agree with ours place both sides, with drift, free of the delay of either way', async (t) => {
  const { left, right } = await recorded('drift reports', fast, slow, { loss: 0.01, jitterMs: 10, reportEveryMs: 5_000 });
  const { apart, off } = errors(left, right);
  t.ok(apart < 3 && off < 5, `${apart} ms apart, ${off} ms off`);
});

t.test('without drift every click lies where it was said, to the sample', async (t) => {
  const { left, right, report } = await recorded('level', { ...fast, ppm: 0 }, { ...slow, ppm: 0 }, { loss: 0, jitterMs: 20 });
  t.strictSame(report.channels.map(({ driftMs }) => driftMs), [0, 0]);
  const first = [left[0]!, right[0]!];
  t.ok(left.every((at, n) => at - first[0]! === n * everyMs) && right.every((at, n) => at - first[1]! === n * everyMs));
  t.ok(Math.abs(first[0]! - first[1]!) < 1);
});
