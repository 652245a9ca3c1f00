/** Test calls: both ends of a call with known audio, and the comparison of its recording. */
export { matchChannel, type ChannelMatch } from './compare.js';
export { placeTestCall, type EndResult, type TestCallOptions, type TestCallResult } from './test-call.js';
export type { TestCodec } from './talk.js';
export { tune, voicesOf, voiceRate, type Recorded, type Voice } from './voices.js';
