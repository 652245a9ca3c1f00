/** The recorder (SRS). */
export type { RecorderOptions } from './context.js';
export { openRecorder, type Recorder } from './recorder.js';
export { recoverCaptures, type Recovered, type RecoverOptions } from './recover.js';
export { recorderSchema, type RecorderSettings } from './settings.js';
