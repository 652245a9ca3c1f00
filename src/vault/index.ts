export { syncFolder } from './durable-file.js';
export { diskAdvice, errnoOf } from './disk-advice.js';
export { ephemeralKeys } from './ephemeral-keys.js';
export { loadExistingKeys, loadOrCreateKeys, loadPublic } from './key-store.js';
export type { VaultKeys, VaultPublic } from './keys.js';
export type { ObjectSize } from './object-file.js';
export { openObjectStore, type ObjectStore } from './object-store.js';
export {
  createSealer,
  openSealed,
  sealedHeaderBytes,
  sealOverheadBytes,
  type Sealer,
  type Unsealer,
} from './sealed-stream.js';
export { useNativeStreams } from './native-streams.js';
export { openSecret, sealSecret } from './secret.js';
export { openAnySessionKey, openSessionKey, sealedKeyBytes, sealSessionKey, type SessionKey, type SessionKeyReject } from './session-key.js';
export { manifestName } from './object-name.js';
