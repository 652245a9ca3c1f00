export { codecFor, staticCodec, type AudioCodec, type Decoder } from './codec.js';
export { decodePcma, decodePcmu, encodePcma, encodePcmu } from './g711.js';
