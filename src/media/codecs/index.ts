export { audioCodec, audioCodecNames, isBesideAudio, staticCodec, type AudioCodec, type AudioCodecName, type CodecLine } from './codec.js';
export type { Decoder } from './decoder.js';
export { decodePcma, decodePcmu, encodePcma, encodePcmu } from './g711.js';
export { G722Decoder, G722Encoder } from './g722.js';
export { decodeL16, l16Channel } from './l16.js';
export { openSpeechEncoder, type SpeechEncoder } from './opus.js';
export type { FramedSpeech } from './speech-frames.js';
export { voiceCodec, type Encoder, type Transcoder, type VoiceCodec } from './voice-codec.js';
