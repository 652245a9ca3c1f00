export { audioOf, clip, tone, type Audio, type AudioSource, type ToneOptions } from './audio.js';
export * from './codecs/index.js';
export {
  encodeRtp,
  isRtcp,
  parseProtectedRtp,
  parseRtp,
  rtpHeaderBytes,
  RtpView,
  type RtpExtension,
  type RtpFields,
  type RtpPacket,
  type RtpReject,
} from './rtp.js';
export { Reception, type Arrival } from './reception.js';
export * from './files/index.js';
export * from './rtcp/index.js';
export { readResampled, Resampler } from './resample.js';
export { extendSequence, extendTimestamp, timestampDelta } from './serial.js';
export { Sound, type SoundReader } from './sound.js';
export * from './srtp/index.js';
export {
  encodeTelephoneEvent,
  parseTelephoneEvent,
  type TelephoneEvent,
  type TelephoneEventReject,
} from './telephone-event.js';
export { mixedDown, wavSamples } from './wav-samples.js';
export { encodeWavHeader, parseWav, type Wav, type WavFormat, type WavReject } from './wav.js';
