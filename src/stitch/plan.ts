/**
 * Where each segment lies in the recording: pure.
 *
 * Both channels are placed on the recorder's clock, by arrival. Where both parties send sender reports whose
 * wall clocks agree with ours, at their first and at their last, those place the channels instead: they are free of
 * the network's delay. Either way a sender's clock that runs fast or slow is followed from beginning to end.
 */
import type { Channel } from './channel.js';
import { arrivalLine, goesOnFrom, senderLine, type Segment } from './track.js';
import type { ClockLine } from './clock-fit.js';

/** A wall clock this near to ours is taken for synchronised; a worse one is not asked for the time. */
const clockAgreementMs = 20;

export interface Plan {
  readonly sampleRate: number;
  /** Unix ms of the recording's first sample. */
  readonly originMs: number;
  /** Samples a channel. */
  readonly frames: number;
  /** Frame of the packet that began a segment. */
  startOf(segment: Segment): number;
  /** Where a timestamp lies, counted from the packet that began the segment; at another rate if one is given. */
  frameOf(segment: Segment, offsetTicks: number, rate?: number): number;
  /** The same as a line, for many packets of one segment: `start + round(offsetTicks * perTick)`. */
  placesOf(segment: Segment, rate?: number): Places;
  /** Whether the segment's clock is followed: then a packet may have a sample more or less than it came with. */
  isFollowed(segment: Segment): boolean;
}

export interface Places {
  readonly start: number;
  readonly perTick: number;
}

/** Undefined when no channel holds a sample. */
export function planRecording(channels: readonly Channel[], sampleRate: number): Plan | undefined {
  const byChannel = channels.map((channel) => segmentsOf(channel)).filter((segments) => segments.length > 0);
  const all = byChannel.flat();
  if (all.length === 0) return undefined;
  const located = new Map(all.map((segment) => [segment, { byArrival: arrivalLine(segment), bySender: senderLine(segment) }]));
  const agrees = (segment: Segment): boolean => clockAgrees(segment, located.get(segment));
  const trustSenders = byChannel.every((segments) => segments.some(agrees)) && all.every((segment) => segment.reports === undefined || agrees(segment));
  // Reports too near to each other place a segment; how its clock runs its arrivals tell.
  const own = new Map([...located].map(([segment, { byArrival, bySender }]) => [segment, trustSenders && bySender !== undefined ? { ...bySender, slope: bySender.slope === 0 ? byArrival.slope : bySender.slope } : byArrival]));
  const lines = joined(own, !trustSenders);
  const lineOf = (segment: Segment): ClockLine => lines.get(segment) ?? arrivalLine(segment);
  const originMs = Math.min(...all.map((segment) => lineOf(segment).baseMs + (segment.startTicks * 1000 * (1 + lineOf(segment).slope)) / segment.clockRate));
  const startOf = (segment: Segment, rate = sampleRate): number => Math.round(((lineOf(segment).baseMs - originMs) * rate) / 1000);
  const placesOf = (segment: Segment, rate = sampleRate): Places => ({ start: startOf(segment, rate), perTick: (rate * (1 + lineOf(segment).slope)) / segment.clockRate });
  const frameOf = (segment: Segment, offsetTicks: number, rate = sampleRate): number => {
    const { start, perTick } = placesOf(segment, rate);
    return start + Math.round(offsetTicks * perTick);
  };
  const frames = Math.max(...all.map((segment) => frameOf(segment, segment.endTicks)));
  return { sampleRate, originMs, frames, startOf: (segment) => startOf(segment), frameOf, placesOf, isFollowed: (segment) => lineOf(segment).slope !== 0 };
}

/** Each as its own line has it, but those that go on from one before by that one's; by arrivals it begins where the earliest of them allows. */
function joined(own: ReadonlyMap<Segment, ClockLine>, byArrival: boolean): ReadonlyMap<Segment, ClockLine> {
  const first = new Map<Segment, { readonly segment: Segment; readonly offsetMs: number }>();
  const bases = new Map<Segment, number>();
  for (const [segment, line] of own) {
    const before = goesOnFrom(segment);
    const start = before === undefined ? undefined : first.get(before.segment);
    const place = before === undefined || start === undefined ? { segment, offsetMs: 0 } : { segment: start.segment, offsetMs: start.offsetMs + before.offsetMs };
    first.set(segment, place);
    const slope = own.get(place.segment)?.slope ?? 0;
    const base = bases.get(place.segment);
    if (base === undefined) bases.set(segment, line.baseMs);
    else if (byArrival) bases.set(place.segment, Math.min(base, line.baseMs - place.offsetMs * (1 + slope)));
  }
  return new Map([...own].map(([segment, line]) => {
    const { segment: start, offsetMs } = first.get(segment) ?? { segment, offsetMs: 0 };
    const slope = own.get(start)?.slope ?? line.slope;
    return [segment, { baseMs: (bases.get(start) ?? line.baseMs) + offsetMs * (1 + slope), slope }];
  }));
}

/** Ticks of an RTP clock in samples of the recording. */
export const framesIn = (ticks: number, clockRate: number, sampleRate: number): number => Math.round((ticks * sampleRate) / clockRate);

/** At the first report and at the last. */
function clockAgrees({ reports }: Segment, lines: { readonly byArrival: ClockLine; readonly bySender: ClockLine | undefined } | undefined): boolean {
  const [arrival, sender] = [lines?.byArrival, lines?.bySender];
  if (reports === undefined || arrival === undefined || sender === undefined) return false;
  return [reports.first, reports.last].every(({ offsetMs, unixMs }) => Math.abs(unixMs - (arrival.baseMs + offsetMs * (1 + arrival.slope))) <= clockAgreementMs);
}

export const segmentsOf = (channel: Channel): readonly Segment[] => [...channel.tracks.values()].flatMap((track) => track.segments);
