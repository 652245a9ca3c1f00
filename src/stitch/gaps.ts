/**
 * The gap map of a channel: where it holds silence that is not sound, and why. Pure.
 */
import type { GapCause, ReportGap } from '../ledger/index.js';
import type { Channel } from './channel.js';
import { framesIn, type Plan } from './plan.js';

/** Shorter ones are rounding of timestamps, not silence. */
const shortestGapMs = 1;

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly track: number;
}

/**
 * @param undecryptable true when packets came that no key opened: then what is missing is theirs
 */
export function gapsOf(channel: Channel, plan: Plan, undecryptable: boolean): readonly ReportGap[] {
  const stretches = stretchesOf(channel, plan);
  const ms = (frames: number): number => (frames * 1000) / plan.sampleRate;
  const gaps: ReportGap[] = [];
  let end = 0;
  let before: Stretch | undefined;
  for (const stretch of stretches) {
    const missing = ms(stretch.start - end);
    // Before its first packet a party has not spoken yet: nothing is missing there.
    if (before !== undefined && missing >= shortestGapMs) {
      gaps.push({ atMs: ms(end), ms: missing, cause: causeOf(channel, plan, before, stretch, undecryptable) });
    }
    if (stretch.end >= end) before = stretch;
    end = Math.max(end, stretch.end);
  }
  if (stretches.length === 0 && undecryptable) gaps.push({ atMs: 0, ms: ms(plan.frames), cause: 'undecryptable' });
  return gaps;
}

function causeOf(channel: Channel, plan: Plan, before: Stretch, after: Stretch, undecryptable: boolean): GapCause {
  const middleMs = plan.originMs + (((before.end + after.start) / 2) * 1000) / plan.sampleRate;
  if (channel.holdsUntil(Number.POSITIVE_INFINITY).some(({ fromMs, toMs }) => fromMs <= middleMs && middleMs < toMs)) return 'hold';
  const track = before.track === after.track ? channel.tracks.get(before.track) : undefined;
  // Nothing is missing where every packet came: events and comfort noise have numbers too, but no sound.
  if (track === undefined || track.cameWhole(before.lastSequence, after.firstSequence)) return 'dtx';
  return undecryptable ? 'undecryptable' : 'loss';
}

function stretchesOf(channel: Channel, plan: Plan): readonly Stretch[] {
  const stretches = [...channel.tracks].flatMap(([ssrc, track]) =>
    track.segments.flatMap((segment) => {
      const from = plan.startOf(segment);
      const frame = (ticks: number): number => from + framesIn(ticks, track.clockRate, plan.sampleRate);
      return segment.coverage.intervals.map((interval) => ({
        start: frame(interval.startTicks),
        end: frame(interval.endTicks),
        firstSequence: interval.firstSequence,
        lastSequence: interval.lastSequence,
        track: ssrc,
      }));
    }),
  );
  return stretches.sort((a, b) => a.start - b.start);
}
