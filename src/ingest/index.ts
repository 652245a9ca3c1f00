/** Recordings out of packet captures. */
export { ingest, type IngestOptions, type IngestProgress, type IngestSummary } from './ingest.js';
export type { IngestedCall, IngestedLeg } from './finished-call.js';
export type { UnclaimedStream } from './ingestion.js';
export { parseKeysFile, type GivenKey, type KeysFile } from './keys-file.js';
export { parseRtpRule, type RtpRule } from './rtp-rules.js';
