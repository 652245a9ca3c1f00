export type { CallControl } from './call-control.js';
export { openHttp, type HttpOptions, type HttpServer } from './http.js';
export type { Audio, Library, PublicKey, Verification, VerificationCheck } from './library.js';
export { maxListed, parseTag } from './list-query.js';
export { localLibrary } from './local-library.js';
export { remoteLibrary, type RemoteLibraryOptions } from './remote-library.js';
