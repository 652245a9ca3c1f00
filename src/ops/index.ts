export { createLog, logLevels, type Log, type LogLevel, type LogLine, type LogOptions } from './log.js';
export { createMetrics, type Metrics } from './metrics.js';
export type {
  AnnouncementOutcome,
  MetricCallOutcome,
  MetricCaptureState,
  MetricRecordingState,
  PacketRejectReason,
  PolicyDecider,
  PolicyUnansweredReason,
  RecorderShortage,
  RelayDirection,
  RelayDroppedReason,
  SipRejectReason,
  TlsFailureReason,
} from './metric-definitions.js';
export { createHealth, type CheckResult, type Health, type HealthOptions, type HealthReport } from './health.js';
