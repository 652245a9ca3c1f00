/** From captures to recordings. */
export { recordingIdOf, stitch, type RecordingSink, type Stitched } from './stitch.js';
export { openStitcher, type Stitcher, type StitcherOptions } from './stitcher.js';
export type { CaptureSource } from './gather.js';
