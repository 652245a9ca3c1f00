export { encodeRtcp } from './encode.js';
export { encodeLossSummaries, readLossSummaries, type LossSummary } from './loss-summary.js';
export { compactNtp, ntpFromUnixMs, unixMsFromNtp } from './ntp.js';
export {
  cnameItem,
  type Goodbye,
  type OtherRtcp,
  type ReceiverReport,
  type ReportBlock,
  type RtcpPacket,
  type SenderReport,
  type SourceChunk,
  type SourceDescription,
  type SourceItem,
} from './packets.js';
export { parseRtcp, type RtcpReject } from './parse.js';
