/**
 * A call that is over: its captures become a recording, by the stitcher that makes those of the recorder, and its report.
 */
import type { Report } from '../ledger/index.js';
import { recordingIdOf, stitch } from '../stitch/index.js';
import type { VaultKeys } from '../vault/index.js';
import type { BareCall } from './bare-calls.js';
import { chooseStreams } from './choose-streams.js';
import type { KeyRing } from './key-ring.js';
import type { Leg } from './leg.js';
import type { LegStream } from './leg-stream.js';
import type { RecordingFolder } from './recording-folder.js';
import type { Session } from './session.js';

/** A leg as signalling showed it. Times are unix ms. */
export interface IngestedLeg {
  readonly callId: string;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  readonly answeredAtMs?: number;
  readonly endedAtMs?: number;
  readonly outcome: 'answered' | 'unanswered' | 'joined-late';
  readonly sipStatus?: number;
}

/** The report of a recording, with the legs of its call and the files that were written. */
export type IngestedCall = Report & {
  readonly calls: readonly IngestedLeg[];
  /** Empty where there is no audio. */
  readonly audioFile: string;
  readonly reportFile: string;
};

/** A call as it is finished, whether signalling was seen or not. */
export interface EndedCall {
  readonly sessionId: string;
  readonly startedAtMs: number;
  readonly legs: readonly Leg[];
  readonly streams: readonly { readonly stream: LegStream; readonly legStartedAtMs: number }[];
}

export const endedSession = (session: Session): EndedCall => ({
  sessionId: session.id,
  startedAtMs: session.startedAtMs,
  legs: session.legs,
  streams: session.legs.flatMap(({ media, startedAtMs }) => media.streams.map((stream) => ({ stream, legStartedAtMs: startedAtMs }))),
});

export const endedBareCall = ({ id, startedAtMs, streams: { caller, callee } }: BareCall): EndedCall => ({
  sessionId: id,
  startedAtMs,
  legs: [],
  streams: [caller, callee].map((stream) => ({ stream, legStartedAtMs: startedAtMs })),
});

export interface FinishContext {
  readonly keys: VaultKeys;
  readonly ring: KeyRing;
  readonly folder: RecordingFolder;
}

/** Writes the recording and the report. Failure INGEST_OUTPUT, CAPTURE_WRITE, AUDIO_UNUSABLE. */
export async function finishCall(call: EndedCall, { keys, ring, folder }: FinishContext): Promise<IngestedCall> {
  const { sessionId, legs } = call;
  const keyed = { sessionId, callIds: legs.map(({ callId }) => callId), streams: call.streams.map(({ stream }) => stream) };
  const sealed = await ring.sealedFor(keyed, keys);
  const chosen = new Set(
    chooseStreams(call.streams.map((one) => ({ ...one, readable: !one.stream.description.encrypted || one.stream.description.crypto.length > 0 || sealed.length > 0 }))).map(({ stream }) => stream),
  );
  const sources = [];
  const spools = call.streams.flatMap(({ stream }) => (stream.spool === undefined ? [] : [{ stream, spool: stream.spool }]));
  try {
    for (const { stream, spool } of spools) {
      const source = await spool.close(stream.lastAtMs);
      if (chosen.has(stream)) sources.push(source);
    }
    const name = folder.nameFor(sessionId);
    const sink = folder.sink(name);
    const { report } = await stitch(sessionId, sources, keys, sink, sealed);
    const finished = { ...completed(report, call), calls: legs.map(legOf) };
    return { ...finished, audioFile: sink.files[0] ?? '', reportFile: await folder.putReport(name, finished) };
  } finally {
    for (const { spool } of spools) spool.remove();
  }
}

/** What the stitcher cannot know: whether the call was answered, and whether all of it was captured. */
function completed(report: Report, { sessionId, legs, streams, startedAtMs }: EndedCall): Report {
  const channels = report.channels.map((channel, at) => (channel.party === '' ? { ...channel, party: partyOf(streams, at) } : channel));
  const startedAt = report.durationMs === 0 ? new Date(startedAtMs).toISOString() : report.startedAt;
  const known = { ...report, recordingId: recordingIdOf(sessionId), startedAt, channels };
  const unanswered = legs.length > 0 && legs.every((leg) => leg.answeredAtMs === undefined && !leg.joinedLate);
  if (report.durationMs === 0 && unanswered) return { ...known, state: 'excluded', reason: `the call was not answered${statusOf(legs)}` };
  const faults = [
    ...(legs[0]?.joinedLate === true ? ['the packet capture begins in mid-call'] : []),
    ...(legs.some(({ endUnseen }) => endUnseen) && legs.every(({ endUnseen, answeredAtMs }) => endUnseen || answeredAtMs === undefined) ? ['the packet capture has no end of the call'] : []),
  ];
  if (faults.length === 0 || (report.state !== 'complete' && report.state !== 'partial')) return known;
  return { ...known, state: 'partial', reason: [...(report.state === 'partial' ? [report.reason] : []), ...faults].join('; ') };
}

const partyOf = (streams: EndedCall['streams'], at: number): string => {
  const role = at === 0 ? 'caller' : at === 1 ? 'callee' : 'other';
  return streams.find(({ stream }) => stream.role === role)?.stream.description.party ?? '';
};

const statusOf = (legs: readonly Leg[]): string => {
  const status = legs.find((leg) => leg.status !== undefined)?.status;
  return status === undefined ? '' : ` (${status})`;
};

const legOf = ({ callId, from, to, startedAtMs, answeredAtMs, endedAtMs, endUnseen, joinedLate, status }: Leg): IngestedLeg => ({
  callId,
  from,
  to,
  startedAtMs,
  ...(answeredAtMs === undefined ? {} : { answeredAtMs }),
  ...(endedAtMs === undefined || endUnseen ? {} : { endedAtMs }),
  outcome: answeredAtMs !== undefined ? 'answered' : joinedLate ? 'joined-late' : 'unanswered',
  ...(status === undefined ? {} : { sipStatus: status }),
});
