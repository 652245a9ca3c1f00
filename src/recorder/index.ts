/** The recorder (SRS). */
export { captureFolderName } from './capture-folder.js';
export type { RecorderOptions } from './context.js';
export { openRecorder, type Recorder } from './recorder.js';
export { recoverCaptures, type Recovered, type RecoverOptions } from './recover.js';
export { recorderSchema, type RecorderSettings } from './settings.js';
export { openSignsOfLife, type SignsOfLife } from './signs-of-life.js';
export { watchRecorders, type RecorderWatch } from './watch-recorders.js';
