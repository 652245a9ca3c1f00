/** Audio files as they are written, and as they are read again. */
export { audioFormats, contentTypeOf, extensionOf, mostChannelsOf, openAudioProof, openAudioReader, openAudioWriter, rateFor, type AudioFormat } from './audio-file.js';
export type { AudioShape, AudioWriter } from './audio-writer.js';
export type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';
