export {
  encodeCryptoLine,
  parseCryptoLine,
  singleKeyLines,
  unsupportedSessionParameters,
  type CryptoLine,
  type CryptoReject,
  type MasterKeyIdentifier,
} from './crypto-line.js';
export { srtpBy, useOpenSsl, type SrtpBy } from './openssl.js';
export { SrtpReceiver, type SrtpReceiverLimits, type SrtpReject } from './receiver.js';
export { SrtpSender } from './sender.js';
export { keySaltBytes, srtpSuites, type SrtpSuite } from './suites.js';
