/** From captures to recordings. */
export { reencoded, type StoredRecording } from './reencode.js';
export { recordingIdOf, stitch, type RecordingSink, type Stitched, type StitchOptions } from './stitch.js';
export { openStitcher, type Stitcher, type StitcherOptions } from './stitcher.js';
export type { CaptureSource } from './capture-source.js';
