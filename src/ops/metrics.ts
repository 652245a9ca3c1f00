/**
 * What the product counts, in Prometheus' text form.
 *
 * Owns       a registry of its own, so that two products in one process, as in tests, do not mix.
 * Leaves to  metric-definitions.ts names, help and labels; callers to sum up what happens per packet.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import {
  definitions,
  type AnnouncementOutcome,
  type MetricCallOutcome,
  type MetricCaptureState,
  type MetricDefinition,
  type MetricRecordingState,
  type PacketRejectReason,
  type PolicyDecider,
  type PolicyUnansweredReason,
  type RecorderShortage,
  type RecordingCommandSource,
  type RelayDirection,
  type RelayDroppedReason,
  type RecorderTakeoverCause,
  type SipRejectReason,
  type TlsFailureReason,
} from './metric-definitions.js';

/** Counts of packets come in sums, not one by one; a sum below zero is not counted, since a counter never goes down. */
export interface Metrics {
  callEnded(outcome: MetricCallOutcome): void;
  callsActive(now: number): void;
  /** `trunk` and `hop` as the configuration names them. */
  nextHopUp(trunk: string, hop: string, up: boolean): void;
  /** `recorder` as the configuration names it. */
  recorderUp(recorder: string, up: boolean): void;
  recorderTakenOver(cause: RecorderTakeoverCause, seconds: number): void;
  captureEnded(state: MetricCaptureState): void;
  capturesOpen(now: number): void;
  relayPackets(direction: RelayDirection, by: number): void;
  relayDropped(reason: RelayDroppedReason, by: number): void;
  recorderPacketsReceived(by: number): void;
  /** Expected less received, when a recording is stitched. */
  recorderPacketsLost(by: number): void;
  recorderPacketsRejected(reason: PacketRejectReason, by: number): void;
  recorderRefused(reason: RecorderShortage): void;
  recorderReady(ready: boolean): void;
  recordingCommand(source: RecordingCommandSource, obeyed: boolean): void;
  announced(outcome: AnnouncementOutcome): void;
  recordingEnded(state: MetricRecordingState): void;
  stitchSeconds(seconds: number): void;
  stitchFailed(): void;
  /** Entries of calls and captures that are not in the ledger's database yet. */
  ledgerWaiting(now: number): void;
  edgeRestarted(): void;
  mediaThreadRestarted(): void;
  sipRejected(reason: SipRejectReason, by?: number): void;
  tlsFailed(reason: TlsFailureReason, by: number): void;
  policyDecided(by: PolicyDecider): void;
  policyUnanswered(reason: PolicyUnansweredReason): void;
  policyServiceSeconds(seconds: number): void;
  policyBreaker(state: 'closed' | 'half-open' | 'open'): void;
  /** The exposition. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Gauges of prom-client named like counters, which `promtool check metrics` refuses; the same by type have right names. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export const createMetrics = (): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);

  /** The counter's only label has the value `value`; a counter without labels gets none. */
  const counter = (name: keyof typeof definitions): ((by: number, value?: string) => void) => {
    const { help, label }: MetricDefinition = definitions[name];
    const made = new Counter({ name, help, labelNames: label === undefined ? [] : [label.name], registers: [registry] });
    const add = (by: number, value?: string): void => {
      if (label === undefined || value === undefined) made.inc(by);
      else made.inc({ [label.name]: value }, by);
    };
    for (const value of label?.values ?? []) add(0, value);
    return (by, value) => add(Math.max(0, by), value);
  };
  const histogram = (name: 'twintrack_stitch_seconds' | 'twintrack_policy_service_seconds' | 'twintrack_recorder_takeover_seconds'): Histogram => {
    const { help, buckets } = definitions[name];
    return new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
  };
  const gauge = (name: keyof typeof definitions): Gauge => {
    const { help, configured = [] }: MetricDefinition = definitions[name];
    return new Gauge({ name, help, labelNames: [...configured], registers: [registry] });
  };

  const calls = counter('twintrack_calls_total');
  const callsActive = gauge('twintrack_calls_active');
  const nextHops = gauge('twintrack_next_hop_up');
  const recordersUp = gauge('twintrack_recorder_up');
  const takeovers = counter('twintrack_recorder_takeovers_total');
  const takeoverSeconds = histogram('twintrack_recorder_takeover_seconds');
  const captures = counter('twintrack_captures_total');
  const capturesOpen = gauge('twintrack_captures_open');
  const relayed = counter('twintrack_relay_packets_total');
  const dropped = counter('twintrack_relay_dropped_total');
  const received = counter('twintrack_recorder_packets_received_total');
  const lost = counter('twintrack_recorder_packets_lost_total');
  const rejected = counter('twintrack_recorder_packets_rejected_total');
  const refused = counter('twintrack_recorder_refused_total');
  const ready = gauge('twintrack_recorder_ready');
  const commands = counter('twintrack_recording_commands_total');
  const commandsRefused = counter('twintrack_recording_commands_refused_total');
  const announcements = counter('twintrack_announcements_total');
  const recordings = counter('twintrack_recordings_total');
  const stitchSeconds = histogram('twintrack_stitch_seconds');
  const stitchFailures = counter('twintrack_stitch_failures_total');
  const ledgerWaiting = gauge('twintrack_ledger_entries_waiting');
  const edgeRestarts = counter('twintrack_edge_restarts_total');
  const mediaThreadRestarts = counter('twintrack_media_thread_restarts_total');
  const sipRejected = counter('twintrack_sip_rejected_total');
  const tlsFailures = counter('twintrack_sip_tls_failures_total');

  const policyDecisions = counter('twintrack_policy_decisions_total');
  const policyUnanswered = counter('twintrack_policy_unanswered_total');
  const policyServiceSeconds = histogram('twintrack_policy_service_seconds');
  const policyBreaker = gauge('twintrack_policy_breaker_state');

  return {
    callEnded: (outcome) => calls(1, outcome),
    callsActive: (now) => callsActive.set(now),
    nextHopUp: (trunk, hop, up) => nextHops.set({ trunk, hop }, up ? 1 : 0),
    recorderUp: (recorder, up) => recordersUp.set({ recorder }, up ? 1 : 0),
    recorderTakenOver: (cause, seconds) => {
      takeovers(1, cause);
      takeoverSeconds.observe(seconds);
    },
    captureEnded: (state) => captures(1, state),
    capturesOpen: (now) => capturesOpen.set(now),
    relayPackets: (direction, by) => relayed(by, direction),
    relayDropped: (reason, by) => dropped(by, reason),
    recorderPacketsReceived: (by) => received(by),
    recorderPacketsLost: (by) => lost(by),
    recorderPacketsRejected: (reason, by) => rejected(by, reason),
    recorderRefused: (reason) => refused(1, reason),
    recorderReady: (isReady) => ready.set(isReady ? 1 : 0),
    recordingCommand: (source, obeyed) => (obeyed ? commands : commandsRefused)(1, source),
    announced: (outcome) => announcements(1, outcome),
    recordingEnded: (state) => recordings(1, state),
    stitchSeconds: (seconds) => stitchSeconds.observe(seconds),
    stitchFailed: () => stitchFailures(1),
    ledgerWaiting: (now) => ledgerWaiting.set(now),
    edgeRestarted: () => edgeRestarts(1),
    mediaThreadRestarted: () => mediaThreadRestarts(1),
    sipRejected: (reason, by = 1) => sipRejected(by, reason),
    tlsFailed: (reason, by) => tlsFailures(by, reason),
    policyDecided: (by) => policyDecisions(1, by),
    policyUnanswered: (reason) => policyUnanswered(1, reason),
    policyServiceSeconds: (seconds) => policyServiceSeconds.observe(seconds),
    policyBreaker: (state) => policyBreaker.set(['closed', 'half-open', 'open'].indexOf(state)),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
};
