/** Audio files as they are written, and as they are read again. */
export { audioFormats, contentTypeOf, extensionOf, mostChannelsOf, openAudioWriter, rateFor, type AudioFormat } from './audio-file.js';
export type { AudioShape, AudioWriter } from './audio-writer.js';
