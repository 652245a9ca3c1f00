/**
 * Where a channel is silent so that it does not tell which keys its party pressed: pure.
 *
 * A press lies where its RTP timestamp lies among those of the same source's audio, which share one clock
 * (RFC 4733 §2.2.1); where there is no such audio, or none within half a round of the timestamps, where it arrived.
 */
import { timestampDelta } from '../media/index.js';
import type { Channel } from './channel.js';
import { framesIn, type Plan } from './plan.js';
import type { Press } from './presses.js';
import type { Segment } from './track.js';

/**
 * Before a press: its tone is in the audio until the sender has recognised it. A receiver of DTMF may take 40 ms for
 * that (ITU-T Q.24, table A-1), and the packet of 20 ms in which it does goes out as audio too.
 */
export const leakMs = 60;
/** After a press whose end was lost: three of the updates that come every 50 ms (RFC 4733 §2.5.1.2). */
const lostEndMs = 150;
/** Where only the arrival places it, it may be off by what a network delays. */
const arrivalErrorMs = 200;
/** No packet of a segment is further from its place than what the anchor keeps, or the network delays (track.ts). */
const furthestMs = 6_000;

interface Stretch {
  readonly start: number;
  readonly end: number;
}

export interface MaskedKey {
  readonly atMs: number;
  readonly ms: number;
}

export interface PressedKey extends MaskedKey {
  /** Undefined for an event that is no key. */
  readonly key: string | undefined;
}

/** RFC 4733 §3.2, table 3. */
const keyNames = '0123456789*#ABCD';

/** What a party pressed, in order of time, from the start of the recording. */
export function pressedKeys(channel: Channel, plan: Plan): readonly PressedKey[] {
  const ms = (frames: number): number => (frames * 1_000) / plan.sampleRate;
  return channel.presses.list
    .map((press) => ({ ...place(press, channel, plan), key: keyNames[press.event] }))
    .sort((a, b) => a.start - b.start)
    .map(({ start, end, key }) => ({ atMs: ms(start), ms: ms(end - start), key }));
}

export class KeyMask {
  /** In frames, in order of time, none touching the next. */
  readonly #silences: readonly Stretch[];
  /** When keys were pressed, from the start of the recording. */
  readonly keys: readonly MaskedKey[];

  constructor(channel: Channel, plan: Plan) {
    const frames = (milliseconds: number): number => Math.ceil((milliseconds * plan.sampleRate) / 1_000);
    const { list, overflowed } = channel.presses;
    const placed = list.map((press) => place(press, channel, plan)).sort((a, b) => a.start - b.start);
    this.keys = pressedKeys(channel, plan).map(({ atMs, ms: lengthMs }) => ({ atMs, ms: lengthMs }));
    this.#silences = joined([
      ...placed.map(({ start, end, errorMs, ended }) => ({
        start: start - frames(leakMs + errorMs),
        end: end + frames(errorMs + (ended ? 0 : lostEndMs)),
      })),
      // What is not in the list must not be heard either.
      ...(overflowed === undefined ? [] : [{ start: frames(overflowed - plan.originMs - furthestMs), end: plan.frames }]),
    ]);
  }

  /** Silences what of these samples, which lie at `frame`, falls to a press; `silence` is what silence is among them. */
  silence(frame: number, samples: Int16Array, count: number, silence = 0): void {
    let low = 0;
    for (let high = this.#silences.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((this.#silences[middle]?.end ?? 0) <= frame) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < this.#silences.length; at += 1) {
      const stretch = this.#silences[at];
      if (stretch === undefined || stretch.start >= frame + count) return;
      samples.fill(silence, Math.max(0, stretch.start - frame), Math.min(count, stretch.end - frame));
    }
  }
}

interface Placed extends Stretch {
  /** How far it may be from its true place. */
  readonly errorMs: number;
  readonly ended: boolean;
}

function place(press: Press, channel: Channel, plan: Plan): Placed {
  const { ssrc, clockRate, durationTicks, ended } = press;
  const track = channel.tracks.get(ssrc);
  const length = framesIn(durationTicks, clockRate, plan.sampleRate);
  let nearest: { readonly segment: Segment; readonly offsetTicks: number; readonly awayMs: number } | undefined;
  for (const segment of track?.segments ?? []) {
    if (segment.clockRate !== clockRate) continue;
    const found = within(segment, press);
    if (found.awayMs <= furthestMs && found.awayMs < (nearest?.awayMs ?? Number.POSITIVE_INFINITY)) nearest = { segment, ...found };
  }
  if (nearest !== undefined) {
    const start = plan.frameOf(nearest.segment, nearest.offsetTicks);
    return { start, end: start + length, errorMs: 0, ended };
  }
  const end = Math.round(((press.arrivedAtMs - plan.originMs) * plan.sampleRate) / 1_000);
  return { start: end - length, end, errorMs: arrivalErrorMs, ended };
}

/** Where the press lies in a segment if it is of it, and how far from that it arrived. */
function within(segment: Segment, { timestamp, clockRate, durationTicks, arrivedAtMs }: Press): { offsetTicks: number; awayMs: number } {
  const arrivedTicks = ((arrivedAtMs - segment.baseMs) * clockRate) / 1_000 - durationTicks;
  const offsetTicks = timestampDelta(timestamp, segment.firstTicks);
  return { offsetTicks, awayMs: (Math.abs(offsetTicks - arrivedTicks) * 1_000) / clockRate };
}

function joined(stretches: readonly Stretch[]): readonly Stretch[] {
  const whole: Stretch[] = [];
  for (const stretch of [...stretches].sort((a, b) => a.start - b.start)) {
    const last = whole.at(-1);
    if (last !== undefined && stretch.start <= last.end) whole[whole.length - 1] = { start: last.start, end: Math.max(last.end, stretch.end) };
    else whole.push(stretch);
  }
  return whole;
}
