/**
 * The report of a recording, out of what the first reading of its captures has found: pure.
 */
import type { RecordingState, Report, ReportChannel, Unrecorded } from '../ledger/index.js';
import type { Channel } from './channel.js';
import type { ClearCounts } from './clear-stream.js';
import { gapsOf } from './gaps.js';
import type { CaptureFacts } from './gather.js';
import { pressedKeys, type KeyMask } from './key-mask.js';
import { segmentsOf, type Plan } from './plan.js';
import type { Track } from './track.js';
import type { Wishes } from './wishes.js';

/** Why a session of which there are captures has no recording, in the words of the ledger. */
export const nobodyAsked = 'on demand: nobody asked';

export interface ReportInput {
  readonly recordingId: string;
  readonly sessionId: string;
  readonly channels: readonly Channel[];
  readonly countsOf: (channel: string) => ClearCounts;
  readonly captures: readonly CaptureFacts[];
  readonly wishes: Wishes;
  /** As its calls tell. */
  readonly unrecorded?: readonly Unrecorded[] | undefined;
  /** By channel, of a recording in which keys are masked. */
  readonly masks?: ReadonlyMap<string, KeyMask>;
  /** Undefined when no sample arrived. */
  readonly plan: Plan | undefined;
  /** What is wrong with keys that came by themselves. */
  readonly keysRefused?: readonly string[];
}

export function makeReport(input: ReportInput): Report {
  const { recordingId, sessionId, plan, captures, wishes } = input;
  const channels = input.channels.map((channel) => channelReport(channel, input.countsOf(channel.name), plan, input));
  const { state, reason } = judge(input, channels);
  const startedMs = plan?.originMs ?? Math.min(...captures.map(({ fromMs, openedAtMs }) => (Number.isFinite(fromMs) ? fromMs : openedAtMs)));
  return {
    recordingId,
    sessionId,
    startedAt: iso(startedMs),
    durationMs: plan === undefined ? 0 : toMs(plan.frames, plan),
    sampleRate: plan?.sampleRate ?? 0,
    state,
    reason,
    captures: captures.map(({ recorder, captureId, fromMs, toMs: lastMs, openedAtMs, cut, pairedBy }, source) => ({
      recorder,
      captureId,
      from: iso(Number.isFinite(fromMs) ? fromMs : openedAtMs),
      to: iso(Math.max(lastMs, openedAtMs)),
      state: cut ? 'cut' : 'closed',
      ...(pairedBy === undefined ? {} : { pairedBy }),
      ...(captures.length === 1 ? {} : { gave: input.channels.map((channel) => givenBy(channel, source)) }),
    })),
    channels,
    control: wishes.said.map(({ atMs, command, by }) => ({ at: iso(atMs), command, by })),
    tags: wishes.tags,
    ...(input.keysRefused === undefined || input.keysRefused.length === 0 ? {} : { keysRefused: input.keysRefused.map((why) => `a key that was sent ${why}`) }),
    retention: { class: wishes.retention.class, ...(wishes.retention.untilMs === undefined ? {} : { keepUntil: iso(wishes.retention.untilMs) }) },
  };
}

function channelReport(channel: Channel, counts: ClearCounts, plan: Plan | undefined, { wishes, masks, unrecorded = [] }: ReportInput): ReportChannel {
  const tracks = [...channel.tracks.values()];
  const sum = (pick: (track: Track) => number): number => tracks.reduce((total, one) => total + pick(one), 0);
  const segments = plan === undefined ? [] : segmentsOf(channel);
  const starts = segments.map((segment) => plan?.frameOf(segment, segment.startTicks) ?? 0);
  const ends = segments.map((segment) => plan?.frameOf(segment, segment.endTicks) ?? 0);
  const firstFrame = starts.length === 0 ? 0 : Math.min(...starts);
  const lastFrame = ends.length === 0 ? 0 : Math.max(...ends);
  const { gaps, packetsPaused } = plan === undefined ? { gaps: [], packetsPaused: 0 } : gapsOf(channel, plan, { undecryptable: counts.keyless + counts.authFailures > 0, pauses: wishes.pauses, unrecorded });
  const mask = masks?.get(channel.name);
  return {
    label: channel.label,
    party: channel.party,
    codec: [...channel.codecs, ...channel.undecodable].join(', '),
    encrypted: channel.encrypted,
    packetsExpected: sum((one) => one.expected) - packetsPaused,
    packetsReceived: sum((one) => one.reception.received),
    packetsLost: Math.max(0, sum((one) => one.lost) - packetsPaused),
    duplicates: sum((one) => one.reception.duplicates - one.copies) + counts.duplicates,
    authFailures: counts.authFailures,
    jitterMs: round(Math.max(0, ...tracks.map((one) => one.reception.jitterMs))),
    durationMs: plan === undefined ? 0 : toMs(lastFrame - firstFrame, plan),
    driftMs: round(sum((one) => one.driftMs)),
    offsetMs: plan === undefined ? 0 : toMs(firstFrame, plan),
    gaps,
    ...(plan === undefined || mask !== undefined || channel.presses.list.length === 0 ? {} : { keys: pressedKeys(channel, plan).map(({ atMs, ms, key }) => ({ atMs: round(atMs), ms: round(ms), ...(wishes.dtmfTold && key !== undefined ? { key } : {}) })) }),
    ...(mask === undefined ? {} : { maskedKeys: mask.keys.map(({ atMs, ms }) => ({ atMs: round(atMs), ms: round(ms) })) }),
  };
}

/** What a capture had of a channel. */
function givenBy(channel: Channel, source: number): { readonly label: string; readonly packets: number; readonly alone: number } {
  const given = [...channel.tracks.values()].flatMap(({ origins }) => origins?.given.get(source) ?? []);
  const sum = (pick: 'packets' | 'alone'): number => given.reduce((total, one) => total + one[pick], 0);
  return { label: channel.label, packets: sum('packets'), alone: sum('alone') };
}

/** Not to be kept, whole, partial with its reasons, or lost. */
function judge({ channels, captures, plan, countsOf, wishes, unrecorded = [] }: ReportInput, reports: readonly ReportChannel[]): { state: RecordingState; reason: string } {
  if (!wishes.keep) return { state: 'excluded', reason: nobodyAsked };
  const faults: string[] = [];
  const unreadable = captures.filter((capture) => capture.unreadable).length;
  if (unreadable > 0) faults.push(`${unreadable} of ${captures.length} captures could not be read`);
  // How much that is nobody can tell: the counts begin with the first packet that is there.
  for (const { recorder } of captures.filter(({ moreFollows }) => moreFollows === true)) faults.push(`some of what the recorder ${recorder} took in is not in its capture yet; when its disk takes it, this is made anew`);
  // One that ended early costs nothing when another went on to the end; what neither has shows in the counts.
  const cut = captures.filter((capture) => capture.cut && !capture.unreadable);
  const cutAtMs = Math.max(...cut.map((capture) => capture.toMs));
  const healed = captures.some((capture) => !capture.cut && capture.toMs >= cutAtMs);
  if (cut.length > 0 && !healed) {
    const [why = 'the recorder died during the call'] = cut.flatMap(({ cutReason = '' }) => (cutReason === '' ? [] : [cutReason]));
    faults.push(cut.length === captures.length ? why : `${cut.length} of ${captures.length} captures ended early`);
  }
  channels.forEach((channel, at) => {
    const who = channel.name;
    const report = reports[at];
    const counts = countsOf(channel.name);
    if (report === undefined) return;
    if (report.packetsLost > 0) faults.push(`${report.packetsLost} packets of the ${who} did not arrive`);
    if (counts.keyless > 0) faults.push(`${counts.keyless} packets of the ${who} are encrypted and no key is known`);
    if (counts.authFailures > 0) faults.push(`${counts.authFailures} packets of the ${who} could not be decrypted`);
    if (channel.undecodable.size > 0) faults.push(`the codec of the ${who} (${[...channel.undecodable].join(', ')}) cannot be decoded here`);
    const missedMs = report.gaps.reduce((sum, { ms, cause }) => sum + (cause === 'failover' ? ms : 0), 0);
    if (missedMs > 0) faults.push(`${(missedMs / 1000).toFixed(1)} s of the ${who} are missing because no recorder had the call`);
    // A party on hold, or one that never spoke, shows in the counts; the recording of the other is whole.
  });
  if (plan === undefined || reports.some(({ gaps }) => gaps.some(({ cause }) => cause === 'failover'))) faults.push(...new Set(unrecorded.map(({ reason }) => reason)));
  if (plan === undefined) return { state: 'lost', reason: faults.length === 0 ? 'no media arrived' : faults.join('; ') };
  return faults.length === 0 ? { state: 'complete', reason: wishes.pauses.length === 0 ? 'every packet that was sent is in it' : 'every packet that was sent is in it, but for those of the pauses that were asked for' } : { state: 'partial', reason: faults.join('; ') };
}

const toMs = (frames: number, plan: Plan): number => (frames * 1000) / plan.sampleRate;
const round = (ms: number): number => Math.round(ms * 1000) / 1000;
const iso = (ms: number): string => (Number.isFinite(ms) ? new Date(ms) : new Date(0)).toISOString();
