/**
 * Every metric of ours: name, help, labels. docs/metrics.md is held against this by a test.
 *
 * Label values come out of the closed unions here, never a number, URI or Call-ID of a call, so the number of
 * series is known beforehand; each exists from the start, at zero. Only next hops are named as the configuration has them.
 */

export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** At most one; its values in the order they are shown. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
  /** Labels whose values are what the configuration names, and so are as few as it has. */
  readonly configured?: readonly string[];
  readonly buckets?: readonly number[];
}

export const definitions = {
  twintrack_calls_total: {
    kind: 'counter',
    help: 'Calls that ended, by outcome.',
    label: { name: 'outcome', values: ['answered', 'cancelled', 'rejected', 'failed', 'refused', 'interrupted'] },
  },
  twintrack_calls_active: { kind: 'gauge', help: 'Calls in progress: entered at the trunk and not ended.' },
  twintrack_next_hop_up: {
    kind: 'gauge',
    help: '1 while a next hop is up, 0 while its checks fail or it has asked for a pause.',
    configured: ['trunk', 'hop'],
  },
  twintrack_recorder_up: {
    kind: 'gauge',
    help: '1 while a recorder may be asked for recording sessions, 0 while it is not there, is full, or drains.',
    configured: ['recorder'],
  },
  twintrack_recorder_takeovers_total: {
    kind: 'counter',
    help: 'Running calls that another recorder took over, by what showed that theirs was gone.',
    label: { name: 'cause', values: ['port-unreachable', 'no-reports', 'left', 'refused', 'no-answer', 'dead'] },
  },
  twintrack_recorder_takeover_seconds: {
    kind: 'histogram',
    help: 'Seconds from when a recorder of a running call was found to be gone until another had the call.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 60],
  },
  twintrack_captures_total: {
    kind: 'counter',
    help: 'Captures that ended, by state: closed whole, cut off because the recorder died, or failed while being written.',
    label: { name: 'state', values: ['closed', 'cut', 'failed'] },
  },
  twintrack_captures_open: { kind: 'gauge', help: 'Captures being written.' },
  twintrack_relay_packets_total: {
    kind: 'counter',
    help: 'Media packets that the relay passed on, by direction.',
    label: { name: 'direction', values: ['caller-to-callee', 'callee-to-caller'] },
  },
  twintrack_relay_dropped_total: {
    kind: 'counter',
    help: 'Datagrams that the relay passed on neither to the other side nor to a recorder, by reason. `queue-full`: copies that nobody had taken when there was no room for more; `send-failed`: what the system refused, also because nobody listens at the recorder\'s port.',
    label: { name: 'reason', values: ['no-target', 'unknown-source', 'queue-full', 'send-failed'] },
  },
  twintrack_recorder_packets_received_total: { kind: 'counter', help: 'Media packets that recorders took in.' },
  twintrack_recorder_packets_lost_total: {
    kind: 'counter',
    help: 'Media packets that were expected and never came, counted when a recording is stitched.',
  },
  twintrack_recorder_packets_rejected_total: {
    kind: 'counter',
    help: 'Datagrams at recorders that were not written, by reason.',
    label: { name: 'reason', values: ['malformed', 'unknown-source'] },
  },
  twintrack_recorder_refused_total: {
    kind: 'counter',
    help: 'Recording sessions that were refused with 503, by what was short.',
    label: { name: 'reason', values: ['disk', 'ports', 'descriptors', 'other'] },
  },
  twintrack_recorder_ready: { kind: 'gauge', help: '1 while the recorder takes sessions as it should, 0 while it lacks disk, ports or descriptors.' },
  twintrack_recordings_total: {
    kind: 'counter',
    help: 'Sessions that came to their end, by the state of their recording.',
    label: { name: 'state', values: ['complete', 'partial', 'lost', 'excluded'] },
  },
  twintrack_recording_commands_total: {
    kind: 'counter',
    help: 'Commands to the recordings of running calls that were obeyed, by where they came from.',
    label: { name: 'source', values: ['api', 'link', 'sip', 'dtmf'] },
  },
  twintrack_recording_commands_refused_total: {
    kind: 'counter',
    help: 'Commands to the recordings of running calls that were refused, by where they came from.',
    label: { name: 'source', values: ['api', 'link', 'sip', 'dtmf'] },
  },
  twintrack_announcements_total: {
    kind: 'counter',
    help: 'Announcements that calls were to hear, one for each party, by what came of them.',
    label: { name: 'outcome', values: ['played', 'cut', 'encrypted', 'codec', 'no-audio', 'anchor', 'failed', 'unknown'] },
  },
  twintrack_stitch_seconds: {
    kind: 'histogram',
    help: 'Time from taking up a session to its recording being in the vault, in seconds.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  twintrack_stitch_failures_total: { kind: 'counter', help: 'Tries to stitch a session that failed.' },
  twintrack_ledger_entries_waiting: { kind: 'gauge', help: 'Entries of calls and captures that the database has not taken yet: kept in memory while it does not answer, 50000 at most.' },
  twintrack_edge_restarts_total: { kind: 'counter', help: 'Times the embedded SIP edge was started anew after a crash.' },
  twintrack_media_thread_restarts_total: { kind: 'counter', help: 'Times a media thread of the relay was started anew after a crash.' },
  twintrack_sip_rejected_total: {
    kind: 'counter',
    help: 'SIP requests that were refused or dropped before a call came of them, by reason.',
    label: { name: 'reason', values: ['malformed', 'unknown-source', 'rate-limited', 'overload', 'no-trunk', 'trunk-limit', 'draining', 'not-acceptable'] },
  },
  twintrack_sip_tls_failures_total: {
    kind: 'counter',
    help: 'TLS connections of the embedded SIP edge that failed, and times that a changed certificate could not be used, by reason.',
    label: { name: 'reason', values: ['handshake', 'not-trusted', 'reload'] },
  },
  twintrack_policy_decisions_total: {
    kind: 'counter',
    help: 'Calls decided where a policy service is configured: by its answer, by one cached, by an expired one because it gave none, by the rules for the same reason, or by the deny list.',
    label: { name: 'by', values: ['fresh', 'cached', 'stale', 'rules', 'denied'] },
  },
  twintrack_policy_unanswered_total: {
    kind: 'counter',
    help: 'Calls for which the policy service gave no answer, by reason: those decided by `stale` and `rules`.',
    label: { name: 'reason', values: ['timeout', 'connection', 'redirect', 'status', 'content-type', 'too-large', 'malformed', 'breaker-open', 'busy'] },
  },
  twintrack_policy_service_seconds: {
    kind: 'histogram',
    help: 'Time from asking the policy service to its answer, or to giving up, in seconds.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2],
  },
  twintrack_policy_breaker_state: { kind: 'gauge', help: 'Whether the policy service is asked: 0 yes, 1 a trial is under way after failures, 2 it is left alone.' },
} as const satisfies Record<string, MetricDefinition>;

type LabelOf<N extends keyof typeof definitions> = (typeof definitions)[N] extends { label: { values: readonly (infer Value)[] } } ? Value : never;

export type MetricCallOutcome = LabelOf<'twintrack_calls_total'>;
export type RecorderTakeoverCause = LabelOf<'twintrack_recorder_takeovers_total'>;
export type MetricCaptureState = LabelOf<'twintrack_captures_total'>;
export type RelayDirection = LabelOf<'twintrack_relay_packets_total'>;
export type RelayDroppedReason = LabelOf<'twintrack_relay_dropped_total'>;
export type PacketRejectReason = LabelOf<'twintrack_recorder_packets_rejected_total'>;
export type RecorderShortage = LabelOf<'twintrack_recorder_refused_total'>;
export type MetricRecordingState = LabelOf<'twintrack_recordings_total'>;
export type RecordingCommandSource = LabelOf<'twintrack_recording_commands_total'>;
export type AnnouncementOutcome = LabelOf<'twintrack_announcements_total'>;
export type TlsFailureReason = LabelOf<'twintrack_sip_tls_failures_total'>;
export type PolicyDecider = LabelOf<'twintrack_policy_decisions_total'>;
export type PolicyUnansweredReason = LabelOf<'twintrack_policy_unanswered_total'>;
export type SipRejectReason = LabelOf<'twintrack_sip_rejected_total'>;
