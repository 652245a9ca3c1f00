/**
 * The gap map of a channel: where it holds silence that is not sound, and why. Pure.
 */
import type { GapCause, ReportGap, Unrecorded } from '../ledger/index.js';
import type { Channel } from './channel.js';
import type { Plan } from './plan.js';
import type { Pause } from './wishes.js';

/** Shorter ones are rounding of timestamps, not silence. */
const shortestGapMs = 1;
/**
 * A pause begins and ends between packets, and by the client's clock; packets lie where they would have come without
 * delay. What is left of a gap at the edge of a pause, shorter than this, is the pause's.
 */
const pauseEdgeMs = 200;
/** A party need not send until the end of its call, nor does the end come with its last packet. */
const endEdgeMs = 500;

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly track: number;
}

export interface GapMap {
  readonly gaps: readonly ReportGap[];
  /** How many packets of the party fall into pauses: they were not copied, so they are not lost. */
  readonly packetsPaused: number;
}

export interface GapReasons {
  /** Packets came that no key opened: then what is missing is theirs. */
  readonly undecryptable: boolean;
  readonly pauses: readonly Pause[];
  readonly unrecorded: readonly Unrecorded[];
}

/**
 * A pause wins over whatever else a gap may be; what of a gap lies outside of it keeps its own cause. Where the
 * call ended without a recorder the last gap lies behind the recording's last sample.
 */
export function gapsOf(channel: Channel, plan: Plan, { undecryptable, pauses, unrecorded }: GapReasons): GapMap {
  const stretches = stretchesOf(channel, plan);
  const ms = (frames: number): number => (frames * 1000) / plan.sampleRate;
  const gaps: ReportGap[] = [];
  let packetsPaused = 0;
  let end = 0;
  let before: Stretch | undefined;
  for (const stretch of stretches) {
    const missing = ms(stretch.start - end);
    // Before its first packet a party has not spoken yet: nothing is missing there.
    if (before !== undefined && missing >= shortestGapMs) {
      const cause = causeOf(channel, plan, before, stretch, undecryptable, unrecorded);
      const pieces = dividedByPauses({ atMs: ms(end), ms: missing, cause }, plan.originMs, pauses);
      const pausedMs = pieces.reduce((sum, piece) => sum + (piece.cause === 'paused' ? piece.ms : 0), 0);
      if (pausedMs > 0) packetsPaused += Math.round((missingBetween(channel, before, stretch) * pausedMs) / missing);
      gaps.push(...pieces);
    }
    if (stretch.end >= end) before = stretch;
    end = Math.max(end, stretch.end);
  }
  if (stretches.length === 0 && undecryptable) gaps.push({ atMs: 0, ms: ms(plan.frames), cause: 'undecryptable' });
  const last = unrecorded.find(({ resumed }) => !resumed);
  if (last !== undefined) {
    const atMs = Math.max(ms(end), last.fromMs - plan.originMs);
    const missingMs = last.toMs - plan.originMs - atMs;
    if (missingMs >= endEdgeMs && !isOnHold(channel, plan.originMs + atMs + missingMs / 2)) gaps.push({ atMs, ms: missingMs, cause: 'failover' });
  }
  return { gaps, packetsPaused };
}

/** The gap in pieces: those in a pause, and those before, between and after. */
function dividedByPauses(gap: ReportGap, originMs: number, pauses: readonly Pause[]): readonly ReportGap[] {
  const endMs = gap.atMs + gap.ms;
  const pieces: ReportGap[] = [];
  let atMs = gap.atMs;
  for (const pause of pauses) {
    let [fromMs, toMs] = [Math.max(pause.fromMs - originMs, atMs), Math.min(pause.toMs - originMs, endMs)];
    if (toMs <= fromMs) continue;
    if (fromMs - atMs < pauseEdgeMs) fromMs = atMs;
    if (endMs - toMs < pauseEdgeMs) toMs = endMs;
    if (fromMs > atMs) pieces.push({ ...gap, atMs, ms: fromMs - atMs });
    pieces.push({ atMs: fromMs, ms: toMs - fromMs, cause: 'paused' });
    atMs = toMs;
  }
  if (endMs > atMs) pieces.push({ ...gap, atMs, ms: endMs - atMs });
  return joined(pieces);
}

/** Two pauses with nothing but an edge between them are one stretch of silence. */
function joined(pieces: readonly ReportGap[]): readonly ReportGap[] {
  const whole: ReportGap[] = [];
  for (const piece of pieces) {
    const last = whole.at(-1);
    if (last?.cause === piece.cause) whole[whole.length - 1] = { ...last, ms: piece.atMs + piece.ms - last.atMs };
    else whole.push(piece);
  }
  return whole;
}

function missingBetween(channel: Channel, before: Stretch, after: Stretch): number {
  const track = before.track === after.track ? channel.tracks.get(before.track) : undefined;
  return track === undefined ? 0 : track.missingBetween(before.lastSequence, after.firstSequence);
}

const isOnHold = (channel: Channel, atMs: number): boolean => channel.holdsUntil(Number.POSITIVE_INFINITY).some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);

function causeOf(channel: Channel, plan: Plan, before: Stretch, after: Stretch, undecryptable: boolean, unrecorded: readonly Unrecorded[]): GapCause {
  const unixMs = (frame: number): number => plan.originMs + (frame * 1000) / plan.sampleRate;
  if (isOnHold(channel, unixMs((before.end + after.start) / 2))) return 'hold';
  const track = before.track === after.track ? channel.tracks.get(before.track) : undefined;
  if (track?.cameWhole(before.lastSequence, after.firstSequence) !== true && unrecorded.some(({ fromMs, toMs }) => fromMs < unixMs(after.start) && toMs > unixMs(before.end))) return 'failover';
  // Nothing is missing where every packet came: events and comfort noise have numbers too, but no sound.
  if (track === undefined || track.cameWhole(before.lastSequence, after.firstSequence)) return 'dtx';
  return undecryptable ? 'undecryptable' : 'loss';
}

function stretchesOf(channel: Channel, plan: Plan): readonly Stretch[] {
  const stretches = [...channel.tracks].flatMap(([ssrc, track]) =>
    track.segments.flatMap((segment) =>
      segment.coverage.intervals.map((interval) => ({
        start: plan.frameOf(segment, interval.startTicks),
        end: plan.frameOf(segment, interval.endTicks),
        firstSequence: interval.firstSequence,
        lastSequence: interval.lastSequence,
        track: ssrc,
      })),
    ),
  );
  return stretches.sort((a, b) => a.start - b.start);
}
