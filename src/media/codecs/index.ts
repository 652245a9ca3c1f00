export { codecFor, staticCodec, type AudioCodec, type Decoder } from './codec.js';
export { decodePcma, decodePcmu, encodePcma, encodePcmu } from './g711.js';
export { G722Decoder, G722Encoder } from './g722.js';
export { decodeL16, l16Channel } from './l16.js';
export { voiceCodec, type Encoder, type Transcoder, type VoiceCodec } from './voice-codec.js';
